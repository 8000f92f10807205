"""Verify committed runs under other versions of the emulator: does what was recorded under one play alike under others?

    python -m tests.support.emulator_versions 0.9.1 0.10.2 0.11.2 0.12.0 0.12.1

Each version is installed into a folder of its own, in front of the one that is installed, and `verify` plays the same
eleven runs. The rows it prints are those of results/benchmark/emulator_versions.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from replication.foundation.paths import PROJECT

RUNS = (
    *(
        f"random_10hz/{game}/seed1"
        for game in (
            "alien",
            "boxing",
            "breakout",
            "enduro",
            "montezuma_revenge",
            "pong",
            "qbert",
            "riverraid",
            "seaquest",
            "video_pinball",
        )
    ),
    "dqn/space_invaders/seed1",
)
"""Of games with and without lives, with minimal and full action sets, and one of a trained network."""


def chosen_runs(target: Path, runs: Sequence[str] = RUNS) -> None:
    """Copy runs of the committed results into a results folder of their own."""
    for run in runs:
        shutil.copytree(PROJECT / "results" / "runs" / run, target / "runs" / run)


def verify_under(version: str, results: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Verify a results folder with one version of ale-py.

    Args:
        version: of the package, from the package index.
        results: what to verify.
        folder: where the version is installed, if it is not there.

    Returns: what `verify` left; its output begins with the version that played.
    Raises:
        subprocess.CalledProcessError: the version cannot be had.
    """
    if not folder.exists():
        install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder)]
        subprocess.run([*install, f"ale-py=={version}"], check=True)
    program = (
        "import importlib.metadata as m, sys; print(m.version('ale-py'), flush=True); "
        "from replication.commands.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    words = [sys.executable, "-c", program, "verify", str(results), "--cores", "1", "--quiet"]
    paths = os.pathsep.join([str(folder), str(PROJECT)])
    return subprocess.run(words, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False)


def main(versions: Sequence[str]) -> None:
    """Print a row for each version."""
    print("| ale-py | verdict of `verify` on the same eleven runs |\n| --- | --- |")
    with tempfile.TemporaryDirectory() as made:
        chosen_runs(Path(made) / "results")
        for version in versions:
            left = verify_under(version, Path(made) / "results", Path(made) / version)
            played, _, said = left.stdout.partition("\n")
            words = said.splitlines()[0].partition(": ")[2] if left.returncode == 0 else left.stderr.strip()
            assert left.returncode != 0 or played == version
            print(f"| {version} | {words} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
