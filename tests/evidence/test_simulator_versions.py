"""What was recorded under one version of a simulator is played under others; where it differs, the version is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.simulator_versions import record, verify_under


@pytest.mark.long
def test_another_version_of_mujoco_is_named_where_it_plays_otherwise(tmp_path: Path) -> None:
    """All versions and tasks: results/benchmark/simulator_versions.md."""
    record(tmp_path, ["pendulum", "hopper"])
    for package, task, differs in (
        ("numpy==2.2.6", "hopper", False),
        ("mujoco==3.3.7", "pendulum", False),
        ("mujoco==3.3.7", "hopper", True),
    ):
        left = verify_under(package, tmp_path / task / "results", tmp_path / package)
        assert (left.returncode != 0) == differs, left.stderr
        if differs:
            assert "(the trace was made with model " in left.stderr
            assert "mujoco_version 4.0.0, here 3.3.7: play it where these are the same)" in left.stderr
