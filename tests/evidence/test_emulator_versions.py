"""What was recorded under one version of the emulator plays alike under others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.emulator_versions import chosen_runs, verify_under


@pytest.mark.long
@pytest.mark.rom
@pytest.mark.parametrize("version", ["0.9.1", "0.11.2"])
def test_committed_runs_verify_under_another_version(version: str, tmp_path: Path) -> None:
    """All five versions: results/benchmark/emulator_versions.md."""
    chosen_runs(tmp_path / "results", ["random_10hz/boxing/seed1", "random_10hz/breakout/seed1"])
    left = verify_under(version, tmp_path / "results", tmp_path / version)
    assert left.returncode == 0, left.stderr
    assert left.stdout.startswith(f"{version}\n") and "2 runs verified" in left.stdout
