"""The table of the sources that judge: what it names exists, and a new source needs no code."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from replication.analysis.published_counterparts import Counterpart, find_counterpart
from replication.foundation.errors import ReplicationError
from replication.published.judges import find_judge
from replication.published.layouts import scores_by_game
from replication.published.loader import (
    PUBLISHED,
    published_curves,
    published_curves_by_step,
    published_sources,
    published_table,
)
from replication.published.references import reference_set
from replication.published.schemas import TABLES
from replication.published.spreads import stand_in_text
from replication.specification.experiments import PublishedSource, known_experiments, load_experiment
from replication.specification.loading import known_names
from replication.specification.run import resolve_run

MADE_UP = "made_up_2027"
RUN = resolve_run(variant="c51", task="pong", seed=1, budget_frames=40_000_000)
NAMED = PublishedSource(source=MADE_UP, algorithm="C52", agents={"c51": "C52"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the published files, with a source that no code knows."""
    copy = tmp_path / "published"
    shutil.copytree(PUBLISHED, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    with (copy / "scores" / "bellemare2017_c51.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    row = next(row for row in rows if row[:2] == ["pong", "C51"])
    changed = dict(zip(header, row, strict=True)) | {"algorithm": "C52", "score": "12.5", "frames_millions": "40"}
    changed |= {"game_set": "1 games", "std": "", "cap_frames": "", "reference_set": ""}
    with (copy / "scores" / f"{MADE_UP}.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, [changed[name] for name in header]])
    return copy


def add_line(folder: Path, **cells: str) -> None:
    path = folder / "judges.csv"
    with path.open(newline="") as file:
        header = next(csv.reader(file))
    cells = {"name": MADE_UP, "layout": "scores", "origin": "transcribed", "source": "s", "confirmed": "no"} | cells
    with path.open("a", newline="") as file:
        csv.writer(file).writerow([cells.get(name, "") for name in header])


def test_a_new_source_judges_a_run_by_its_file_and_a_line_alone(folder: Path) -> None:
    add_line(folder, protocol="noop_30min", stand_in="dopamine_curves", stand_in_agent="C51", title="Doe 2027")
    references = reference_set("atari57_30min", folder)
    found = find_counterpart(NAMED, RUN, references, folder)
    assert isinstance(found, Counterpart) and found.score == 12.5 and found.deviation is not None
    assert found.stand_in and find_judge(MADE_UP, folder).title == "Doe 2027"
    longer = replace(RUN, budget=replace(RUN.budget, steps=RUN.budget.steps * 2))
    reason = find_counterpart(NAMED, longer, references, folder)
    assert reason == "the published score is at 40 million frames, this run has 80 million"
    other = replace(RUN, protocol=resolve_run(variant="dqn", task="pong", seed=1, budget_frames=400).protocol)
    reason = find_counterpart(NAMED, other, references, folder)
    assert reason == "the published scores are of protocol noop_30min, not nature"
    nobody = NAMED.model_copy(update={"agents": {}})
    assert find_counterpart(nobody, RUN, references, folder) == "nothing was published for this agent"


def test_another_protocol_that_an_agents_own_program_makes_is_named_in_the_line(folder: Path) -> None:
    add_line(folder, protocol="nature", other_protocols="sticky noop_30min")
    found = find_counterpart(NAMED, RUN, reference_set("atari57_30min", folder), folder)
    assert isinstance(found, Counterpart) and found.deviation is None
    assert stand_in_text(MADE_UP, folder) == "No spread between runs stands in where none was published."


def test_without_protocol_in_its_line_a_score_is_judged_by_what_its_row_says(folder: Path) -> None:
    add_line(folder)
    reason = find_counterpart(NAMED, RUN, reference_set("atari57_30min", folder), folder)
    assert reason == "the published score does not state its protocol"


def test_a_source_without_a_line_or_with_an_unknown_stand_in_is_one_line(folder: Path) -> None:
    with pytest.raises(ReplicationError, match=r"no source in .*judges\.csv 'made_up_2027'"):
        find_counterpart(NAMED, RUN, reference_set("atari57_30min", folder), folder)
    other = folder.with_name("other")
    shutil.copytree(folder, other)
    add_line(other, stand_in="dopamine_curvs")
    with pytest.raises(ReplicationError, match=r"judges\.csv: made_up_2027: stand_in: .* mean 'dopamine_curves'"):
        find_judge(MADE_UP, other)


def test_an_agent_that_does_not_train_is_judged_by_the_episodes_of_its_recipe(folder: Path) -> None:
    references = reference_set("nature49_5min", folder)
    run = resolve_run(variant="random_10hz", task="pong", seed=1)
    named = PublishedSource(source="nature_2015_table2", algorithm="random", agents={"random_10hz": "random"})
    found = find_counterpart(named, run, references, folder)
    assert isinstance(found, Counterpart) and (found.score, found.episodes, found.rounding) == (-20.7, 30, 0.05)
    path = folder.with_name("unsaid")
    shutil.copytree(folder, path)
    text = (path / "recipes.csv").read_text()
    (path / "recipes.csv").write_text(text.replace("no training,30 episodes,", "no training,unknown,"))
    assert find_counterpart(named, run, references, path) == "the published score does not state its number of episodes"


def test_every_line_names_what_exists() -> None:
    names = set(published_table("judges")["name"])
    assert set(published_sources()) <= names
    for name in names:
        judge = find_judge(name)
        files = {"scores": published_sources(), "curves": (*TABLES, *published_curves())}
        files |= {"curves by step": published_curves_by_step()}
        assert name in files.get(judge.layout, TABLES)
        protocols = {judge.protocol, *judge.other_protocols} - {""}
        assert protocols <= set(known_names("protocols")), name
        assert not judge.aggregates or judge.aggregates in TABLES, name
        assert set(judge.not_trained) <= {score.algorithm for score in scores_by_game(name)}, name
        assert scores_by_game(name) or judge.layout in {"curves", "curves by step", "trials", "single runs"}, name


def test_every_agent_that_an_experiment_names_is_one_of_its_source() -> None:
    for name in known_experiments():
        published = load_experiment(name).published
        if published is not None and (scores := scores_by_game(published.source)):
            assert set(published.agents.values()) <= {score.algorithm for score in scores}, name
