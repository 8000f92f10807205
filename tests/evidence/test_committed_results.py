"""What is committed under results/: every digest, and a sample of traces drawn anew from the commit's hash."""

from __future__ import annotations

import csv
import random
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from replication.commands.verify_results import check_experiment
from replication.evidence import records
from replication.evidence.bundle_files import POLICIES, read_policies
from replication.evidence.trace_file import read_trace
from replication.evidence.verify_run import check_run
from replication.foundation.paths import WORKFLOW
from replication.report.pages.documents import README
from replication.report.pages.index import index_html
from replication.report.pages.readmes import readme_with_results, results_readme
from replication.training.bundled import load_bundled, seeds_of

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
        if not traces:  # another kind of evidence
            continue
        if sum(episode.total_frames for trace in traces for episode in trace.episodes) > MOST_FRAMES:
            continue
        checked = check_run(path.parent)
        assert checked.episodes > 0
        played_frames += checked.frames
    assert played_frames > 0 or not runs


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, pytest.param(5, marks=pytest.mark.long)], ids=["one", "five"])
def test_a_sample_of_committed_policies_is_learned_again(seeds: int) -> None:
    folders = [path.parent for path in committed_runs() if (path.parent / POLICIES).exists()]
    chance = random.Random(git("rev-parse", "HEAD"))
    for folder in chance.sample(folders, min(seeds, len(folders))):
        run = records.run_of_folder(folder)
        names = [*seeds_of(run)]
        place = chance.randrange(len(names))
        path = folder / POLICIES
        stored = read_policies(path.read_bytes(), len(names), path)[place]
        learned = load_bundled(run.family.name).learn(replace(run, seed=names[place]))
        row = list(csv.DictReader((folder / "scores.csv").read_text(encoding="utf-8").splitlines()))[place]
        assert learned.policy is not None and learned.policy.tobytes() == stored.tobytes(), (folder, names[place])
        assert {name: str(value) for name, value in learned.row(names[place]).items()} == row


@pytest.mark.parametrize(
    "name", sorted({line.split("/")[1] for line in git("ls-files", "results").splitlines() if "/tables/" in line})
)
def test_committed_tables_figures_and_pages_are_what_the_runs_give(name: str) -> None:
    assert check_experiment(name, RESULTS).cells > 0


def test_the_front_page_and_both_readmes_are_up_to_date() -> None:
    assert (RESULTS / "index.html").read_text(encoding="utf-8") == index_html(RESULTS), (
        "python -m replication render index"
    )
    assert (RESULTS / "README.md").read_text(encoding="utf-8") == results_readme(RESULTS), (
        "python -m replication render readme"
    )
    text = README.read_text(encoding="utf-8")
    assert readme_with_results(text, RESULTS) == text, "python -m replication render readme"
