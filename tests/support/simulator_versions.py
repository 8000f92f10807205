"""Verify recorded episodes under other versions of a simulator: do they play alike?

    python -m tests.support.simulator_versions mujoco==3.3.7 numpy==2.2.6

Runs of several tasks are recorded with the packages that are installed. Each version named is installed into a folder
of its own, in front of those, and `verify` plays the same episodes. The rows it prints are those of
results/benchmark/simulator_versions.md.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from replication.foundation.paths import PROJECT
from tests.support.evaluated_runs import evaluated_run, write_evaluated

TASKS = ("pendulum", "half_cheetah", "hopper", "inverted_double_pendulum", "reacher", "swimmer", "walker2d")
SHOWN = {"kind": "gymnasium", "episode_cap_steps": 200}


def record(folder: Path, tasks: Sequence[str] = TASKS) -> None:
    """Record runs of uniform actions, three episodes each, into a results folder for each task."""
    for task in tasks:
        write_evaluated(evaluated_run(task, 50, presentation=SHOWN), folder / task)


def verify_under(package: str, results: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Verify a results folder with one version of a package.

    Args:
        package: as pip names it, `mujoco==3.3.7`; empty: those that are installed.
        results: what to verify.
        folder: where the version is installed, if it is not there.

    Returns: what `verify` left.
    Raises:
        subprocess.CalledProcessError: the version cannot be had.
    """
    paths = [str(PROJECT)]
    if package:
        if not folder.exists():
            install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--only-binary", ":all:"]
            subprocess.run([*install, "--target", str(folder), package], check=True)
        paths.insert(0, str(folder))
        name, _, wanted = package.partition("==")
        check = f"import importlib.metadata as m; assert m.version({name!r}) == {wanted!r}; "
    else:
        check = ""
    program = f"import sys; {check}from replication.commands.cli import main; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-c", program, "verify", str(results), "--cores", "1", "--quiet"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)


def main(packages: Sequence[str]) -> None:
    """Print a row for each task and version."""
    print(f"Recorded with mujoco {version('mujoco')}, numpy {version('numpy')}, gymnasium {version('gymnasium')}.\n")
    print("| task | played again with | what `verify` says |\n| --- | --- | --- |")
    with tempfile.TemporaryDirectory() as made:
        record(Path(made))
        for package in ("", *packages):
            for task in TASKS:
                left = verify_under(package, Path(made) / task / "results", Path(made) / package.replace("==", "_"))
                said = left.stdout.splitlines()[0] if left.returncode == 0 else left.stderr.strip()
                words = said.partition("results: " if left.returncode == 0 else ".trace: ")[2]
                print(f"| {task} | {package or 'the same'} | {words or said} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
