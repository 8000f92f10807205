"""The record of a finished run: what run.json says of its length, and the files beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from replication.evidence import records
from replication.evidence.run_files import Outcome, write_results
from replication.foundation.errors import ReplicationError
from replication.specification.run import resolve_run


@pytest.mark.parametrize(
    ("variant", "budget", "expected"),
    [
        ("dqn", {"budget_frames": 400_000}, {"steps": 100_000, "iterations": 0, "frames": 400_000}),
        ("dqn_dopamine", {"budget_iterations": 2}, {"steps": 0, "iterations": 2, "frames": 2_000_000}),
        ("random_10hz", {}, {"steps": 0, "iterations": 0, "frames": 0}),
    ],
)
def test_a_record_says_the_frames_of_its_budget(
    tmp_path: Path, variant: str, budget: dict[str, Any], expected: dict[str, int]
) -> None:
    run = resolve_run(variant=variant, task="pong", seed=1, **budget)
    folder = write_results(Outcome(run, None, None, {}), tmp_path)
    record = records.read(folder)
    assert record["budget"] == expected
    assert ("budget" in [deviation["id"] for deviation in record["deviations"]]) == run.family.trains
    assert records.run_of_folder(folder) == run


def test_a_familys_own_files_and_tables_are_part_of_the_record(tmp_path: Path) -> None:
    run = resolve_run(variant="random_10hz", task="pong", seed=1)
    tables = {"trials": [{"trial": 0, "success": True}], "empty": []}
    folder = write_results(Outcome(run, None, None, {}, tables, {"networks.safetensors": b"56 weights"}), tmp_path)
    assert records.read(folder)["files"].keys() == {"trials.csv", "networks.safetensors"}
    (folder / "networks.safetensors").write_bytes(b"other weights")
    with pytest.raises(ReplicationError, match=r"networks\.safetensors"):
        records.read(folder)
