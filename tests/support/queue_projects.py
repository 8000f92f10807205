"""Small git repositories made of this work tree, as a queue clones them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from replication.commands.queue.entries import Entry, new_entry
from replication.foundation.git import clean_environment
from replication.specification.run import resolve_run

ROOT = Path(__file__).resolve().parents[2]
SMOKE = ("--variant", "dqn", "--game", "catch", "--preset", "smoke")


def git(folder: Path, *words: str) -> str:
    """What a git command prints; it must succeed."""
    someone = ("-c", "user.name=someone", "-c", "user.email=someone@example.org")
    command = ["git", *someone, "-C", str(folder), *words]
    return subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=True).stdout.strip()


def commit_all(folder: Path, message: str) -> str:
    """Commit everything there is; the commit."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)
    return git(folder, "rev-parse", "HEAD")


def small_repository(folder: Path) -> Path:
    """A repository of three files with one commit on main."""
    (folder / "replication").mkdir(parents=True)
    (folder / "replication" / "__main__.py").write_text("")
    (folder / "Makefile").write_text("venv:\n\tmkdir -p $(VENV)/bin\n\tln -sf $(PYTHON) $(VENV)/bin/python\n")
    (folder / ".gitignore").write_text(".venv\n")
    git(folder.parent, "init", "--quiet", "--initial-branch=main", str(folder))
    commit_all(folder, "first")
    return folder


def this_project(folder: Path) -> Path:
    """A repository of the program as it is in this work tree, committed or not."""
    for name in ("replication", "workflow"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", folder)  # by which a checkout is known
    (folder / ".gitignore").write_text("__pycache__/\n")
    git(folder.parent, "init", "--quiet", "--initial-branch=main", str(folder))
    commit_all(folder, "the program")
    return folder


def command(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command line given in a project."""
    program = [sys.executable, "-m", "replication", *words]
    return subprocess.run(program, cwd=project, env=clean_environment(), capture_output=True, text=True, check=False)


def wait_for(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    """Return as soon as something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.1)


def smoke_entry(number: int = 1, seed: int = 1, budget_frames: int = 2_400) -> Entry:
    """The entry of a run of two seconds."""
    return new_entry(
        number, resolve_run(variant="dqn", task="catch", seed=seed, preset="smoke", budget_frames=budget_frames)
    )
