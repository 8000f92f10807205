"""A search through the command line: trained, stopped, continued, verified, shown on a page."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from replication.analysis.finished import load_runs
from replication.commands.cli import main
from replication.foundation import paths
from replication.foundation.stopping import INTERRUPTED_EXIT_CODE, Stop
from replication.specification.experiments import load_experiment
from replication.training.evolution import family
from tests.support.command_line import left

SEEDS = 4


def train(folder: Path) -> int:
    words = ["train", "--variant=hill_climbing", "--task=cart_pole", f"--seeds=1-{SEEDS}", "--budget-episodes=150"]
    return main([*words, f"--results={folder / 'results'}", f"--state={folder / 'state'}", "--quiet"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert train(folder) == 0
    return folder


def test_a_bundle_stopped_after_a_seed_ends_in_the_same_bytes(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: list[int] = []
    stops: list[Stop] = []
    learn, asked = family.learn, Stop.asked

    def counted(run):
        learned.append(run.seed)
        return learn(run)

    def after_two(stop: Stop) -> bool:
        stops.append(stop)
        stop.by_signal = stop is stops[0] and len(learned) >= 2
        return stop.by_signal or asked(stop)

    monkeypatch.setattr(family, "learn", counted)
    monkeypatch.setattr(Stop, "asked", after_two)
    assert train(tmp_path) == INTERRUPTED_EXIT_CODE
    assert learned == [1, 2] and not (tmp_path / "results" / "runs").exists()
    assert train(tmp_path) == 0
    assert learned == [1, 2, 3, 4]  # no seed is searched a second time, and what is blank in a row stays so
    assert left(tmp_path / "results") == left(whole / "results")


def test_true_results_pass_and_a_changed_mean_is_found(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(whole / "results"), "--quiet", "--policy"]) == 0
    assert f"{SEEDS} seeds learned again" in capsys.readouterr().out
    shutil.copytree(whole / "results", tmp_path / "results")
    (path,) = (tmp_path / "results").rglob("scores.csv")
    text = path.read_text()
    path.write_text(text.replace(text.splitlines()[1].rsplit(",", 1)[1], "7.5", 1))
    assert main(["verify", str(tmp_path / "results"), "--quiet", "--policy"]) == 2
    assert "scores.csv" in capsys.readouterr().err


def test_the_page_places_the_published_run_and_speaks_of_iterations_and_episodes(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(paths.WORKFLOW, tmp_path / "workflow")
    monkeypatch.setattr(paths, "WORKFLOW", tmp_path / "workflow")
    yaml = tmp_path / "workflow" / "experiments" / "course_evolution.yaml"
    yaml.write_text(yaml.read_text().replace("last: 20", f"last: {SEEDS}").replace("1_000", "150"))
    shutil.copytree(whole / "results", tmp_path / "results")
    assert len(load_runs(load_experiment("course_evolution"), tmp_path / "results")) == SEEDS
    for words in (["table", "single_run_places"], ["figure", "single_run_band"], ["page"]):
        kind, *name = words
        assert main(["render", f"--results={tmp_path / 'results'}", kind, "course_evolution", *name]) == 0
    page = (tmp_path / "results" / "course_evolution" / "index.html").read_text()
    text = re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<(style|script).*?</\1>", "", page))
    for words in (
        "500 iterations",
        "150 episodes",
        "settings and seeds",
        "one published run has no spread",
        "nothing is judged by it",
        "solved",
    ):
        assert words in text, words
    assert not re.search(r"\b(None|nan)\b", text)
    record = json.loads(next((tmp_path / "results" / "runs").rglob("run.json")).read_bytes())
    assert record["family"] == "evolution" and record["budget"] == {"episodes": 150}
