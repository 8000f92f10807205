"""A run that is struck in every phase ends with the bytes of one that nothing happened to; `make soak` strikes more."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support.soak_children import PHASES


@pytest.mark.slow
@pytest.mark.rom
@pytest.mark.parametrize("kills", [1, pytest.param(50, marks=pytest.mark.long)])
def test_kills_in_every_phase_with_every_signal_change_no_byte(kills: int) -> None:
    """A process of its own forks the children, since this one may have threads; some kills fall in every phase."""
    command = [sys.executable, "-m", "tests.support.soak", f"--kills={kills}", "--seed=1", "--fresh=1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert done.stdout.endswith("same bytes, nothing lost, no stack trace\n")
    counted = re.findall(r"(\d+) kills, ", done.stdout)
    assert int(counted[-1]) >= kills
    met = {phase for phase in PHASES if re.search(rf"^{phase} .*\d", done.stdout, re.MULTILINE)}
    assert met == set(PHASES)
