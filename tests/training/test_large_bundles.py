"""Bundles of more seeds than have a row: totals of all, rows of the first, the same bytes after a stop."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from replication.analysis.bundles import bundle_records
from replication.analysis.finished import coverage, load_runs
from replication.commands.cli import main
from replication.commands.verify_bundles import check_bundle
from replication.evidence import bundle_files
from replication.evidence.bundle_files import SeedTotals
from replication.evidence.records import sealed_record
from replication.foundation.errors import ReplicationError
from replication.foundation.files import sha256
from replication.foundation.stopping import INTERRUPTED_EXIT_CODE, Stop
from replication.specification import seeds
from replication.specification.experiments import load_experiment
from replication.specification.run import resolve_run
from replication.specification.seeds import Seeds, check_bundle_size
from replication.specification.variants import FAMILIES
from replication.training import bundled
from replication.training.tabular import family
from tests.support.command_line import left

SEEDS, ROWS = 30, 8


@pytest.fixture(autouse=True)
def _few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle is large with a few seeds."""
    from replication.commands import verify_bundles

    for module in (seeds, bundled, bundle_files, verify_bundles):
        monkeypatch.setattr(module, "MOST_ROWS", ROWS)


def train(folder: Path) -> int:
    words = ["train", "--variant=q_learning", "--task=cliff_walking", f"--seeds=1-{SEEDS}", "--budget-episodes=20"]
    return main([*words, f"--results={folder / 'results'}", f"--state={folder / 'state'}", "--quiet"])


def record_of(folder: Path) -> Path:
    (path,) = (folder / "results" / "runs").rglob("run.json")
    return path.parent


def test_totals_are_those_of_every_seed_and_rows_those_of_the_first(tmp_path: Path) -> None:
    assert train(tmp_path) == 0
    folder = record_of(tmp_path)
    run = resolve_run(variant="q_learning", task="cliff_walking", seed=1, budget_episodes=20)
    learned = [family.learn(replace(run, seed=seed)) for seed in range(1, SEEDS + 1)]
    rows = list(csv.DictReader((folder / "scores.csv").read_text().splitlines()))
    assert [row["seed"] for row in rows] == [str(seed) for seed in range(1, ROWS + 1)]
    record = json.loads((folder / "run.json").read_bytes())
    scores, totals = [each.score for each in learned], record["totals"]
    assert totals["count"] == SEEDS and record["score"] == totals["mean"] == pytest.approx(np.mean(scores))
    assert totals["deviation"] == pytest.approx(np.std(scores, ddof=1))
    curve = list(csv.DictReader((folder / "curve.csv").read_text().splitlines()))
    for row in curve:
        values = [each.curve[int(row["point"])] for each in learned]
        assert float(row["mean"]) == pytest.approx(np.mean(values)) and int(row["count"]) == SEEDS
        assert float(row["deviation"]) == pytest.approx(np.std(values, ddof=1))


def test_stopped_before_and_after_the_last_row_it_ends_in_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train(tmp_path / "whole") == 0
    learned: list[int] = []
    stops: list[Stop] = []
    learn, asked = family.learn, Stop.asked

    def counted(run):
        learned.append(run.seed)
        return learn(run)

    def after_some(stop: Stop) -> bool:
        if stop not in stops:
            stops.append(stop)
        at = {1: 5, 2: 17}.get(len(stops), SEEDS + 1)
        stop.by_signal = len(learned) >= at
        return stop.by_signal or asked(stop)

    monkeypatch.setattr(family, "learn", counted)
    monkeypatch.setattr(Stop, "asked", after_some)
    assert [train(tmp_path / "stopped") for _ in range(3)] == [INTERRUPTED_EXIT_CODE, INTERRUPTED_EXIT_CODE, 0]
    assert learned == list(range(1, SEEDS + 1))
    assert left(tmp_path / "stopped" / "results") == left(tmp_path / "whole" / "results")


def test_all_seeds_verify_its_totals_and_a_sample_its_rows(tmp_path: Path) -> None:
    assert train(tmp_path) == 0
    folder = record_of(tmp_path)
    assert check_bundle(folder).learned == ROWS and check_bundle(folder).underived == ("curve.csv",)
    assert check_bundle(folder, learn_all=True).learned == SEEDS
    record = json.loads((folder / "run.json").read_bytes())
    record["score"] = record["totals"]["mean"] = -1.0
    (folder / "run.json").write_bytes(sealed_record(record))
    with pytest.raises(ReplicationError, match=r"score: found -1.0, its seeds give -\d"):
        check_bundle(folder, learn_all=True)
    path = folder / "curve.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], lines[1].replace(lines[1].split(",")[2], "-1.0"), *lines[2:]]))
    record["files"]["curve.csv"] = sha256(path.read_bytes())
    (folder / "run.json").write_bytes(sealed_record(record))
    with pytest.raises(ReplicationError, match=r"curve.csv: row 2"):
        check_bundle(folder, learn_all=True)


def test_an_experiment_lists_one_run_for_all_and_counts_them_all(tmp_path: Path) -> None:
    loaded = load_experiment("cliff_walking")
    (run,) = loaded.runs()
    assert run.stands_for == 100 and run.record_digest.startswith("0ff2810da006")  # the same record all the same
    finished = load_runs(loaded, tmp_path)
    assert str(coverage(loaded, finished)) == "0 of 100 runs"
    assert train(tmp_path) == 0
    smaller = loaded.model_copy(
        update={
            "groups": tuple(
                group.model_copy(
                    update={"seeds": group.seeds.model_copy(update={"last": SEEDS}), "budget_episodes": 20}
                )
                for group in loaded.groups
            )
        }
    )
    vars(smaller).pop("_judged", None)
    finished = load_runs(smaller, tmp_path / "results")
    assert str(coverage(smaller, finished)) == f"{SEEDS} of {SEEDS} runs" and len(finished) == 1
    (record,) = bundle_records(finished)
    assert record.seeds == SEEDS and record.score.degrees == SEEDS - 1


def test_a_family_that_keeps_policies_has_as_many_seeds_as_rows() -> None:
    with pytest.raises(ReplicationError, match=r"^seeds 1-9: family fitted_q keeps a policy a seed, expected at most"):
        check_bundle_size(FAMILIES["fitted_q"], Seeds(1, ROWS + 1))
    check_bundle_size(FAMILIES["fitted_q"], Seeds(1, ROWS))
    check_bundle_size(FAMILIES["tabular"], Seeds(1, 50_000))


@pytest.mark.parametrize("change", [{"count": "many"}, {"mean": [1.0]}, {"points": None}])
def test_damaged_totals_are_refused(change: dict[str, object]) -> None:
    totals = SeedTotals()
    for score in (1.0, 2.0):
        totals.add(score, {1: score, 2: 0.0})
    assert SeedTotals.restored(totals.state()).curve() == totals.curve()
    with pytest.raises((KeyError, TypeError, ValueError)):
        SeedTotals.restored(totals.state() | change)
