"""The experiments of the papers after 2015: each is planned, names its published scores, and runs at a small scale."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from replication.analysis.finished import load_runs
from replication.analysis.published_counterparts import Counterpart, find_counterpart
from replication.commands.cli import main
from replication.foundation import paths
from replication.foundation.errors import ReplicationError
from replication.published.layouts import scores_by_game
from replication.published.references import reference_set
from replication.report.tables.scores import build
from replication.specification.experiments import load_experiment
from replication.training.machine.settings import Machine
from replication.training.session import execute
from tests.support.parameters import long_unless

# Name: runs, cells (runs but for the seed), of them with a published score, protocols.
EXPERIMENTS = {
    "double_dqn_2016": (49, 49, 49, {"nature"}),
    "dueling_2016": (114, 114, 114, {"noop_30min"}),
    "prioritized_2016": (114, 114, 57, {"noop_30min"}),
    "c51_2017": (57, 57, 57, {"noop_30min"}),
    "qr_dqn_2018": (114, 114, 114, {"noop_30min"}),
    "iqn_2018": (57, 57, 57, {"noop_30min"}),
    "rainbow_2018": (171, 171, 162, {"noop_30min"}),
    "rainbow_ablations": (456, 456, 54, {"noop_30min"}),
    "munchausen_2020": (10, 10, 0, {"sticky"}),
    "atari100k": (780, 156, 130, {"atari100k", "atari100k_drq", "atari100k_spr"}),
    "nature_table3": (60, 60, 60, {"nature_ablation"}),
    "nature_table4": (30, 30, 30, {"nature_ablation"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", long_unless(lambda name: EXPERIMENTS[name][0] < 120, EXPERIMENTS))
def test_each_names_its_runs_its_protocol_and_its_published_scores(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = load_experiment(name)
    runs = experiment.runs()
    references = reference_set(experiment.reference_set)
    cells = {(run.variant.variant, run.task.name): run for run in runs}
    found = [find_counterpart(experiment.published, run, references) for run in cells.values()]
    compared = sum(isinstance(each, Counterpart) for each in found)
    protocols = {run.protocol.protocol for run in runs}
    assert (len(runs), len(cells), compared, protocols) == EXPERIMENTS[name]
    folders = [f"--results={tmp_path / 'results'}", f"--state={tmp_path / 'state'}"]
    assert main(["run", name, "--dry-run", *folders]) == 0
    assert f"0 of {len(runs)}" in capsys.readouterr().out


def test_what_has_no_reference_says_why() -> None:
    munchausen = load_experiment("munchausen_2020")
    reason = find_counterpart(munchausen.published, munchausen.runs()[0], reference_set("atari57_30min"))
    assert reason == "the published score does not state its protocol"
    c51 = load_experiment("c51_2017")
    run, references = c51.runs()[0], reference_set("atari57_30min")
    shorter = replace(run, budget=replace(run.budget, steps=10_000_000))
    assert "200 million frames, this run has 40 million" in str(find_counterpart(c51.published, shorter, references))
    other = replace(run, variant=run.variant.model_copy(update={"variant": "mine"}))
    assert find_counterpart(c51.published, other, references) == "nothing was published for this agent"
    curious = replace(
        run, variant=run.variant.model_copy(update={"config": run.variant.config | {"evaluation_epsilon": 0.1}})
    )
    assert "at epsilon 0.001, this run's at 0.1" in str(find_counterpart(c51.published, curious, references))
    nature = load_experiment("double_dqn_2016").runs()[0].protocol
    five_minutes = replace(run, protocol=nature)
    assert "their cap differs" in str(find_counterpart(c51.published, five_minutes, references))
    assert "belongs to atari57_30min" in str(find_counterpart(c51.published, run, reference_set("nature49_5min")))


def test_the_first_drq_explores_more_in_evaluation_than_its_successors() -> None:
    """DrQ.gin has 0.05, DrQ_eps.gin 0.001; each is compared under its own rule alone."""
    experiment, references = load_experiment("atari100k"), reference_set("atari57_30min")
    runs = {run.variant.variant: run for run in experiment.runs() if run.task.name == "pong" and run.seed == 1}
    finals = {name: run.final_epsilon(run.protocol.final_evaluation) for name, run in runs.items()}
    assert finals == dict.fromkeys(runs, 0.001) | {"drq": 0.05}
    assert isinstance(find_counterpart(experiment.published, runs["drq"], references), Counterpart)
    assert runs["spr"].protocol.protocol == "atari100k_spr"  # its own program's starts and lives
    assert isinstance(find_counterpart(experiment.published, runs["spr"], references), Counterpart)
    other = replace(runs["drq_eps"], protocol=runs["drq"].protocol)
    reason = find_counterpart(experiment.published, other, references)
    assert reason == f"the published scores are of protocol atari100k, not {other.protocol.protocol}"


def test_a_published_score_without_its_frames_is_no_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    c51, references = load_experiment("c51_2017"), reference_set("atari57_30min")
    run = c51.runs()[0]
    assert isinstance(find_counterpart(c51.published, run, references), Counterpart)
    unsaid = [replace(row, frames_millions=None) for row in scores_by_game("bellemare2017_c51")]
    monkeypatch.setattr("replication.analysis.published_counterparts.scores_by_game", lambda source, folder: unsaid)
    reason = find_counterpart(c51.published, run, references)
    assert reason == "the published score does not state its number of frames"


def test_scores_of_tables_with_layouts_of_their_own() -> None:
    def score(source: str, algorithm: str, game: str) -> tuple[float, float | None]:
        (found,) = [row for row in scores_by_game(source) if (row.algorithm, row.game) == (algorithm, game)]
        return found.score, found.frames_millions

    table3, table4 = "nature_2015_table3_ablation", "nature_2015_table4_linear"
    assert score(table3, "replay on, target network off", "breakout") == (240.7, 40.0)
    assert score(table4, "linear", "enduro") == (62.0, 40.0)
    assert score(table4, "dqn", "enduro") == score(table3, "replay on, target network on", "enduro") == (1006.3, 40.0)
    assert score("atari100k_scores", "CURL, as quoted in later papers", "alien") == (558.2, 0.4)
    assert scores_by_game("dopamine_curves") == ()


def test_the_spread_between_published_runs_is_used_where_it_is_printed() -> None:
    experiment = load_experiment("atari100k")
    run = next(run for run in experiment.runs() if run.variant.variant == "drq_eps" and run.task.name == "pong")
    found = find_counterpart(experiment.published, run, reference_set("atari57_30min"))
    assert isinstance(found, Counterpart) and found.runs == 100 and found.variance is not None
    quoted = next(run for run in experiment.runs() if run.variant.variant == "drq" and run.task.name == "pong")
    found = find_counterpart(experiment.published, quoted, reference_set("atari57_30min"))
    assert isinstance(found, Counterpart) and found.stand_in


@pytest.fixture
def workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the settings that a test may change."""
    for kind in ("algorithms", "protocols", "presets", "experiments", "originals"):
        (tmp_path / kind).mkdir()
        for source in (paths.WORKFLOW / kind).glob("*.yaml"):
            (tmp_path / kind / source.name).write_text(source.read_text())
    monkeypatch.setattr(paths, "WORKFLOW", tmp_path)
    return tmp_path


def test_a_misspelt_agent_is_said_at_once(workflow: Path) -> None:
    path = workflow / "experiments" / "c51_2017.yaml"
    right = path.read_text()
    for key in ("agents", "curves"):
        path.write_text(right.replace(f"{key}:\n    c51:", f"{key}:\n    c15:"))
        with pytest.raises(ReplicationError, match=rf"published\.{key}: there is no variant in runs 'c15'"):
            load_experiment("c51_2017")
    path = workflow / "experiments" / "atari100k_der.yaml"
    path.write_text(path.read_text().replace("- games: [krull,", "- games: [krul,"))
    with pytest.raises(ReplicationError, match=r"findings: .*krul.*krull"):
        load_experiment("atari100k_der")


@pytest.mark.slow
@pytest.mark.rom
@pytest.mark.parametrize(
    ("name", "variant", "game"),
    [("dueling_2016", "dueling_double_dqn", "pong"), ("nature_table4", "linear_2015", "breakout")],
)
def test_it_runs_from_nothing_to_its_table_at_the_scale_of_the_smoke_preset(
    workflow: Path, tmp_path: Path, name: str, variant: str, game: str
) -> None:
    path = workflow / "experiments" / f"{name}.yaml"
    content = yaml.safe_load(path.read_text())
    content["runs"][0] |= {"variants": [variant], "games": [game], "preset": "smoke", "budget_frames": 800}
    content["published"]["agents"] = {variant: content["published"]["agents"][variant]}
    content["published"].pop("curves", None)  # of other variants
    path.write_text(yaml.safe_dump(content))
    experiment = load_experiment(name)
    machine = Machine(tmp_path / "results", tmp_path / "state", "cpu", "lz4", 600.0, None, quiet=True, workers=0)
    assert execute(experiment.runs(), machine) == 0
    table = build(experiment, load_runs(experiment, tmp_path / "results")).printed()
    assert list(table["seeds"]) == ["1 of 1"] and list(table["verdict"]) == ["no reference"]
    assert table["reason"].str.contains("preset smoke").all()
