"""What is committed under results/: every digest, and a sample of traces drawn anew from the commit's hash."""

from __future__ import annotations

import csv
import json
import random
import subprocess
from pathlib import Path

import pytest

from replication.commands.verify_results import check_experiment
from replication.evidence import records
from replication.evidence.control_records import REPETITIONS, read_networks, read_record
from replication.evidence.trace_file import read_trace
from replication.evidence.verify_run import check_run
from replication.foundation.paths import WORKFLOW
from replication.report.fidelity_text import README
from replication.report.pages.readmes import readme_with_results, results_readme
from replication.specification.control_experiments import Method
from replication.training.fitted_q.repetitions import check_repetition

ROOT = WORKFLOW.parent
RESULTS = ROOT / "results"
SAMPLE_FRAMES, LONG_SAMPLE_FRAMES = 30_000, 300_000
MOST_FRAMES = 250_000
"""Runs with longer traces are left to `make verify`."""


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def committed_runs() -> list[Path]:
    return sorted(ROOT / line for line in git("ls-files", "results/runs").splitlines() if line.endswith("/run.json"))


def test_every_committed_file_is_the_one_its_record_names() -> None:
    files = {ROOT / line for line in git("ls-files", "results/runs").splitlines()}
    named = set()
    for path in committed_runs():
        record = records.read(path.parent)
        named |= {path.parent / name for name in (*record["files"], "run.json", *records.ADDED_LATER)}
        assert not str(record["provenance"]["commit"]).endswith("-dirty"), path
    assert files <= named


@pytest.mark.slow
@pytest.mark.parametrize(
    "sample_frames", [SAMPLE_FRAMES, pytest.param(LONG_SAMPLE_FRAMES, marks=pytest.mark.long)], ids=["small", "large"]
)
def test_a_sample_of_committed_traces_is_played_again(sample_frames: int) -> None:
    runs = committed_runs()
    chance = random.Random(git("rev-parse", "HEAD"))
    played_frames = 0
    for path in chance.sample(runs, len(runs)):
        if played_frames >= sample_frames:
            break
        traces = [read_trace(trace) for trace in path.parent.glob("*.trace")]
        if sum(episode.total_frames for trace in traces for episode in trace.episodes) > MOST_FRAMES:
            continue
        checked = check_run(path.parent)
        assert checked.episodes > 0
        played_frames += checked.frames
    assert played_frames > 0 or not runs


@pytest.mark.slow
@pytest.mark.parametrize("variants", [1, pytest.param(None, marks=pytest.mark.long)], ids=["one", "each"])
def test_a_sample_of_committed_networks_is_learned_again(variants: int | None) -> None:
    files = [ROOT / line for line in git("ls-files", "results/control").splitlines()]
    folders = sorted({path.parent for path in files})
    records = {folder: read_record(folder) for folder in folders}
    assert [folder for folder in folders if str(records[folder]["provenance"]["commit"]).endswith("-dirty")] == []
    chance = random.Random(git("rev-parse", "HEAD"))
    for folder in chance.sample(folders, variants or len(folders)):
        rows = list(csv.DictReader((folder / REPETITIONS).read_text(encoding="utf-8").splitlines()))
        weights = read_networks(folder, len(rows))
        number = chance.randrange(len(rows))
        method = Method.model_validate_json(json.dumps(records[folder]["method"]))
        keys = int(rows[number]["training_episodes"]), int(rows[number]["repetition"])
        derived, learned = check_repetition(method, *keys, weights[number], learn_again=True)
        assert learned and {name: str(value) for name, value in derived.items()} == rows[number], (folder, keys)


@pytest.mark.parametrize(
    "name", sorted({line.split("/")[1] for line in git("ls-files", "results").splitlines() if "/tables/" in line})
)
def test_committed_tables_figures_and_pages_are_what_the_runs_give(name: str) -> None:
    assert check_experiment(name, RESULTS).cells > 0


def test_both_readmes_are_up_to_date() -> None:
    assert (RESULTS / "README.md").read_text(encoding="utf-8") == results_readme(RESULTS), (
        "python -m replication render readme"
    )
    text = README.read_text(encoding="utf-8")
    assert readme_with_results(text, RESULTS) == text, "python -m replication render readme"
