"""Smoke runs through the command line, and what they leave."""

from __future__ import annotations

import json
from pathlib import Path

from replication.commands.cli import main
from replication.evidence.state_files import LIVE


def train_smoke(folder: Path, *changes: str, variant: str = "dqn", budget: str = "--budget-frames=2400") -> int:
    """Train the toy game at the scale of the smoke preset through the command line, and return its exit code."""
    seeded = ["--seed", "1"] if "--seed" not in changes else []
    arguments = ["train", "--variant", variant, "--game", "catch", *seeded, "--preset", "smoke", "--quiet"]
    where = ["--results", str(folder / "results"), "--state", str(folder / "state")]
    return main([*arguments, *([budget] if budget else []), *where, *changes])


def left(folder: Path) -> dict[str, object]:
    """Return everything that a command has left, but the time it took, by its path in a folder.

    What a run showed of itself is how far it was at moments of a clock.
    """
    found: dict[str, object] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.parent.name != LIVE):
        name = str(path.relative_to(folder))
        if path.name in ("lane.json", "run.json"):
            record = json.loads(path.read_bytes())
            found[name] = {key: record[key] for key in record.keys() - {"seconds", "cost", "seal", "provenance"}}
        elif path.name != "manifest.json":
            found[name] = path.read_bytes()
    return found
