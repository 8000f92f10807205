"""The provenance of results: commit, versions, machine, command."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

from replication.environments.atari.emulator import rom_md5
from replication.environments.atari.palette import palette_rgb
from replication.environments.registry import open_simulator
from replication.foundation.files import sha256
from replication.foundation.paths import PACKAGE
from replication.specification.run import Run
from replication.specification.tasks.registry import find_task
from replication.specification.tasks.task import Kind


def provenance(run: Run) -> dict[str, Any]:
    """Return where results come from: commit, versions, machine, ROM, command."""
    return {
        "commit": git_commit(),
        "code": run.variant.code,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        **_PLAYED_WITH[run.task.kind](run.task.name),
        "command": command_text(sys.argv[1:]),
    }


def _atari(game: str) -> dict[str, Any]:
    return {
        "packages": _versions("ale-py", "gymnasium", "numpy", "torch"),
        "rom_md5": rom_md5(game),
        "palette_sha256": sha256(palette_rgb().tobytes()),
    }


def _compiled(task: str) -> dict[str, Any]:
    return {"packages": _versions("numba", "numpy", "safetensors")}


def _gymnasium(task: str) -> dict[str, Any]:
    simulator = open_simulator(find_task(task))
    return {"packages": _versions("gymnasium", "numpy"), "simulator": dict(simulator.fingerprint)}


def _versions(*names: str) -> dict[str, str]:
    return {name: version(name) for name in names}


_PLAYED_WITH: dict[Kind, Callable[[str], dict[str, Any]]] = {
    "atari": _atari,
    "gridworld": _compiled,
    "gymnasium": _gymnasium,
    "pole": _compiled,
}
"""What numbers of each kind of task rest on, beside this program: packages, and the ROM of a game."""


def command_text(words: Sequence[str]) -> str:
    """Write the command with these arguments, without the folders of the machine it ran on: they make no number."""
    kept, rest = [], iter(words)
    for word in rest:
        if word in ("--results", "--state"):
            next(rest, None)
        elif not word.startswith(("--results=", "--state=")):
            kept.append(word)
    return shlex.join(["python", "-m", "replication", *kept])


def git_commit() -> str | None:
    """Return the commit the program was started from, marked when the tree had changes; None outside a repository.

    REPLICATION_COMMIT comes first: it names the commit of a tree that was copied to a machine whose repository, if any,
    is at another.
    """
    if named := os.environ.get("REPLICATION_COMMIT"):
        return named
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=PACKAGE,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()
