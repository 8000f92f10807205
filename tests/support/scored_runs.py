"""Runs of the toy game whose score is that of their last training episodes, under every rule that makes it hard."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from replication.specification.protocols import Protocol
from replication.specification.run import Run
from replication.training.machine.settings import Machine
from replication.training.session import execute
from tests.support.lanes import smoke_run

AT_FRAMES = (800, 1_600)
EPISODES = 3


def scored_protocol(protocol: Protocol, **changes: Any) -> Protocol:
    """The protocol, with sticky actions and the last training episodes for a score in place of evaluations."""
    content = json.loads(protocol.model_dump_json())
    content["training"] |= {"independent_episodes": True, "sticky_probability": 0.25, "episode_cap_frames": 300}
    score = {"episodes": EPISODES, "at_frames": AT_FRAMES}
    content |= {"published_quantity": "training_episodes", "training_score": score}
    return Protocol.model_validate_json(
        json.dumps(content | {"periodic_evaluation": None, "final_evaluation": None} | changes)
    )


def scored_run(budget_frames: int = 2_400, variant: str = "dqn", game: str = "catch", **changes: Any) -> Run:
    """A run of few steps; `changes` are of the protocol."""
    run = smoke_run(variant, game, budget_frames=budget_frames)
    return replace(run, protocol=scored_protocol(run.protocol, **changes))


def train(runs: Sequence[Run], folder: Path, workers: int = 0) -> Path:
    """Train and write results and state into a folder; the record of the first run."""
    machine = Machine(folder / "results", folder / "state", "cpu", "lz4", 600.0, None, quiet=True, workers=workers)
    assert execute(runs, machine) == 0
    return runs[0].results_folder(folder / "results")
