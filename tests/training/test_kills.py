"""A killed run ends with the bytes of one that was never interrupted; `make soak` kills far more often."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "kills", "fresh"),
    [
        ("dqn", 5, 1),
        ("dqn_dopamine", 3, 1),
        ("a2c", 3, 1),
        pytest.param("dqn", 25, 3, marks=pytest.mark.long),
        pytest.param("dqn_dopamine", 20, 2, marks=pytest.mark.long),
    ],
)
def test_kills_of_every_kind_at_random_instants_change_no_byte(variant: str, kills: int, fresh: int) -> None:
    """A process of its own forks the children: this one may have threads."""
    command = [sys.executable, "-m", "tests.support.soak", "--variants", variant, "--games", "catch"]
    done = subprocess.run(
        [*command, f"--kills={kills}", f"--fresh={fresh}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    counted = re.search(rf"{variant} catch: (\d+) kills \((.*)\), same bytes", done.stdout)
    assert counted is not None and int(counted[1]) >= kills, done.stdout
    kinds = {"instant", "flush", "stop", *(["evaluation", "stop in evaluation"] if variant == "dqn" else [])}
    assert kinds <= {part.split(" ", 1)[1] for part in counted[2].split(", ")}
