"""A bundle of tabular runs through the command line: trained, stopped, continued, verified, shown on a page."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from replication.analysis.finished import FinishedRuns, load_runs
from replication.commands.cli import main
from replication.evidence.records import sealed_record
from replication.foundation import paths
from replication.foundation.files import sha256
from replication.foundation.stopping import INTERRUPTED_EXIT_CODE, Stop
from replication.report.figures import bundle_curves
from replication.report.tables import returns
from replication.specification.experiments import Experiment, load_experiment
from replication.training.tabular import family
from tests.support.command_line import left

SEEDS = 12


def train(folder: Path) -> int:
    words = ["train", "--variant=q_learning", "--task=cliff_walking", f"--seeds=1-{SEEDS}", "--budget-episodes=60"]
    return main([*words, f"--results={folder / 'results'}", f"--state={folder / 'state'}", "--quiet"])


def record_of(folder: Path) -> Path:
    (path,) = (folder / "results" / "runs").rglob("run.json")
    return path.parent


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert train(folder) == 0
    return folder


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """The experiment of the suite, on the seeds and the budget of these tests."""
    shutil.copytree(paths.WORKFLOW, tmp_path / "workflow")
    monkeypatch.setattr(paths, "WORKFLOW", tmp_path / "workflow")
    path = tmp_path / "workflow" / "experiments" / "cliff_walking.yaml"
    text = path.read_text().replace("last: 100", f"last: {SEEDS}")
    path.write_text(text.replace("budget_episodes: 500", "budget_episodes: 60"))
    return load_experiment("cliff_walking")


def test_a_bundle_stopped_after_some_seeds_ends_in_the_same_bytes(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    learned: list[int] = []
    stops: list[Stop] = []
    learn, asked = family.learn, Stop.asked

    def counted(run):
        learned.append(run.seed)
        return learn(run)

    def after_five(stop: Stop) -> bool:
        stops.append(stop)
        stop.by_signal = stop is stops[0] and len(learned) >= 5
        return stop.by_signal or asked(stop)

    monkeypatch.setattr(family, "learn", counted)
    monkeypatch.setattr(Stop, "asked", after_five)
    assert train(tmp_path) == INTERRUPTED_EXIT_CODE
    assert learned == [1, 2, 3, 4, 5] and not (tmp_path / "results" / "runs").exists()
    (manifest,) = (tmp_path / "state").rglob("manifest.json")
    before = json.loads(manifest.read_bytes())["seconds"]
    manifest.write_text(json.dumps(json.loads(manifest.read_bytes()) | {"seconds": before + 1_000.0}))
    assert train(tmp_path) == 0
    assert learned == list(range(1, SEEDS + 1))  # no seed is learned a second time
    record = json.loads((record_of(tmp_path) / "run.json").read_bytes())
    assert (
        record["cost"]["seconds"] >= 1_000.0
    )  # of all sessions; twelve seeds take less than the tenth it is rounded to
    said = capsys.readouterr().err
    assert f"q_learning cliff_walking seeds 1-{SEEDS}: {record_of(tmp_path)}" in said and "seed 1:" not in said
    assert left(tmp_path / "results") == left(whole / "results")


def test_a_seed_is_the_same_alone_in_other_bundles_and_in_this_one(whole: Path, tmp_path: Path) -> None:
    words = ["train", "--variant=q_learning", "--task=cliff_walking", "--seeds=7-8", "--budget-episodes=60", "--quiet"]
    assert main([*words, f"--results={tmp_path / 'results'}", f"--state={tmp_path / 'state'}"]) == 0
    rows = (record_of(whole) / "scores.csv").read_text().splitlines()
    assert (record_of(tmp_path) / "scores.csv").read_text().splitlines() == [rows[0], *rows[7:9]]


def test_commit_packages_machine_and_command_are_recorded(whole: Path) -> None:
    origin = json.loads((record_of(whole) / "run.json").read_bytes())["provenance"]
    assert origin.keys() == {"code", "command", "commit", "cores", "packages", "python", "system"}
    assert {"numba", "numpy"} <= origin["packages"].keys() and "torch" not in origin["packages"]


def test_true_results_pass(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(whole / "results"), "--quiet", "--policy"]) == 0
    assert f"{SEEDS} seeds learned again" in capsys.readouterr().out


@pytest.mark.parametrize("file", ["scores.csv", "curve.csv"])
def test_a_changed_number_is_found_even_where_every_digest_is_made_to_fit(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    shutil.copytree(whole / "results", tmp_path / "results")
    folder = record_of(tmp_path)
    path = folder / file
    lines = path.read_text().splitlines(keepends=True)
    first, value, rest = lines[1].split(",", 2) if file == "scores.csv" else lines[1].rsplit(",", 2)
    path.write_text("".join([lines[0], ",".join([first, "-12.0", rest]), *lines[2:]]))
    assert value != "-12.0"
    assert main(["verify", str(tmp_path / "results"), "--quiet", "--policy"]) == 2
    assert file in capsys.readouterr().err  # its digest is not that of the record
    record = json.loads((folder / "run.json").read_bytes())
    record["files"][file] = sha256(path.read_bytes())
    (folder / "run.json").write_bytes(sealed_record(record))
    assert main(["verify", str(tmp_path / "results"), "--quiet", "--policy"]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith(f"error: {path}: row 2") and "-12.0" in error


def test_the_table_says_each_mean_with_its_interval(experiment: Experiment, whole: Path) -> None:
    finished = load_runs(experiment, whole / "results")
    table = returns.build(experiment, finished)
    rows = list(csv.DictReader((record_of(whole) / "scores.csv").read_text().splitlines()))
    scores = [float(row["score"]) for row in rows]
    (shown,) = table.printed().to_dict("records")
    assert (shown["task"], shown["agent"], shown["budget"]) == ("Cliff walking", "Q-learning", "60 episodes")
    assert shown["seeds"] == f"{SEEDS} of {SEEDS}" and shown["mean score"] == f"{sum(scores) / SEEDS:,.1f}"
    assert (shown["lowest"], shown["highest"]) == (f"{min(scores):,.1f}", f"{max(scores):,.1f}")
    assert re.fullmatch(r"-[\d.]+ \(-[\d.]+ to -[\d.]+\)", shown["training return last 100"])
    none = returns.build(experiment, FinishedRuns(experiment, whole / "results", ()))
    (missing,) = none.printed().to_dict("records")
    assert missing["seeds"] == f"0 of {SEEDS}" and (missing["mean score"], missing["95 % interval"]) == (
        "missing",
        "none",
    )


def test_seeds_named_one_by_one_have_records_of_their_own(experiment: Experiment, tmp_path: Path) -> None:
    path = paths.WORKFLOW / "experiments" / "cliff_walking.yaml"
    path.write_text(path.read_text().replace(f"seeds: {{first: 1, last: {SEEDS}}}", "seeds: [3, 5]"))
    words = ["train", "--variant=q_learning", "--task=cliff_walking", "--seed=5", "--budget-episodes=60", "--quiet"]
    assert main([*words, f"--results={tmp_path / 'results'}", f"--state={tmp_path / 'state'}"]) == 0
    loaded = load_experiment("cliff_walking")
    finished = load_runs(loaded, tmp_path / "results")
    assert [found.run.seed for found in finished] == [5] and record_of(tmp_path).parent.name == "seed5"
    (shown,) = returns.build(loaded, finished).printed().to_dict("records")
    assert shown["seeds"] == "1 of 2" and shown["95 % interval"] == "none" and shown["lowest"] == shown["mean score"]
    # One seed has no interval.
    assert bundle_curves.build(loaded, finished).data["low"].equals(bundle_curves.build(loaded, finished).data["mean"])


def test_the_figure_draws_every_point_of_the_record(experiment: Experiment, whole: Path) -> None:
    result = bundle_curves.build(experiment, load_runs(experiment, whole / "results"))
    stored = list(csv.DictReader((record_of(whole) / "curve.csv").read_text().splitlines()))
    assert result.data["mean"].tolist() == [float(row["mean"]) for row in stored] and len(stored) == 60
    assert ((result.data["low"] < result.data["mean"]) & (result.data["mean"] < result.data["high"])).all()
    assert f"mean over {SEEDS} seeds" in result.caption and "2 points" in result.caption
    none = bundle_curves.build(experiment, FinishedRuns(experiment, whole / "results", ()))
    assert none.data.empty and "mean over no seeds" in none.caption


def test_the_page_speaks_of_what_was_run_and_of_no_games(
    experiment: Experiment, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(whole / "results", tmp_path / "results")
    for words in (["table", "returns"], ["figure", "bundle_curves"], ["page"]):
        kind, *name = words
        assert main(["render", f"--results={tmp_path / 'results'}", kind, "cliff_walking", *name]) == 0
    page = (tmp_path / "results" / "cliff_walking" / "index.html").read_text()
    # The rules of this project, which hold for all, are among the rows of Fidelity.
    page = re.sub(r'(?s)<(style|script).*?</\1>|<section aria-labelledby="fidelity">.*?</section>', "", page)
    text = re.sub(r"<[^>]+>", " ", page)
    assert not re.search(r"\b(games?|frames?|human|emulator|network at|GPU|1 episodes)\b", text)
    for words in ("policy at the end of training, 1 episode at epsilon 0", "settings and seeds", "1 to 12", "seconds"):
        assert words in text
    assert f"q_learning cliff_walking seeds 1 to {SEEDS}, 60 episodes" in text
    assert main(["verify", str(tmp_path / "results"), "--quiet"]) == 0
    assert main(["run", "cliff_walking", "-n", f"--results={tmp_path / 'results'}"]) == 0
    assert f"{SEEDS} of {SEEDS}" in capsys.readouterr().out
