"""Copies of the tree in which tests let the real Snakemake work, and the experiment that it makes there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from replication.foundation.paths import WORKFLOW

ROOT = WORKFLOW.parent
SMOKE: dict[str, Any] = {
    "experiment": "smoke",
    "title": "Smoke test",
    "paper": "none",
    "question": "Does everything run?",
    "reference_set": "nature49_5min",
    "published": None,
    "runs": [
        {"variants": ["dqn_quickstart"], "games": ["pong"], "seeds": [1, 2], "budget_frames": 1_600, "preset": "smoke"},
        {"variants": ["random_10hz"], "games": ["pong"], "seeds": [1], "preset": "smoke"},
    ],
    "tables": ["scores"],
    "figures": ["learning_curves", "embedding"],
}


def environment() -> dict[str, str]:
    """Rules call `python`: the interpreter of the tests."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {k: v for k, v in os.environ.items() if k != "REPLICATION_STATE"} | {"PATH": path}


def snakemake(tree: Path, *arguments: str, profile: str = "default") -> subprocess.CompletedProcess[str]:
    how = ["--workflow-profile", f"workflow/profiles/{profile}", "--cores", "2"]
    command = [sys.executable, "-m", "snakemake", *arguments[:-1], *how, "--config", *arguments[-1].split()]
    return subprocess.run(command, cwd=tree, env=environment(), capture_output=True, text=True, timeout=240)


def scheduled(tree: Path, *targets: str, config: str = "experiment=smoke") -> dict[str, int]:
    """Jobs of each rule that a dry run would start, targets left out."""
    done = snakemake(tree, "-n", *targets, config)
    assert done.returncode == 0, done.stdout + done.stderr
    stats = re.search(r"Job stats:\n(.*?)\n\n", done.stdout + done.stderr, re.DOTALL)
    jobs = dict(line.split() for line in stats[1].splitlines()[2:]) if stats else {}
    return {
        rule: int(count) for rule, count in jobs.items() if rule not in {"total", "all", "runs", "tables", "figures"}
    }


def copy_tree(target: Path, source: Path = ROOT) -> Path:
    """Snakefile, package, workflow, and the results where they are a test's own; nothing that Snakemake remembers."""
    shutil.copytree(source / "replication", target / "replication")
    shutil.copytree(source / "workflow", target / "workflow")
    shutil.copy2(source / "Snakefile", target)
    if source != ROOT:
        shutil.copytree(source / "results", target / "results")
    return target


def write_experiment(tree: Path, content: dict) -> None:
    path = tree / "workflow" / "experiments" / f"{content['experiment']}.yaml"
    path.write_text(yaml.safe_dump(content))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def wait_for(condition: Callable[[], object], seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
