"""Small real runs of the on-policy family."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from replication.foundation.files import plain
from replication.specification.budget import Budget
from replication.specification.loading import load_protocol, load_variant
from replication.specification.run import Run
from replication.specification.tasks.registry import find_task
from replication.training.on_policy.checkpoint_files import past_of
from replication.training.on_policy.family import new_trainee
from replication.training.on_policy.loop import train
from replication.training.on_policy.trainee import Trainee

SMALL = {"convolutions": [{"channels": 8, "kernel": 8, "stride": 8}], "hidden_units": 32}


def small_run(variant: str = "a2c", task: str = "catch", seed: int = 1, steps: int = 600, **changes: Any) -> Run:
    """A run of the variant with a small network, whose training returns are scored; `changes` are of its settings."""
    loaded = load_variant(variant)
    config = loaded.config | {"network": loaded.config["network"] | SMALL} | changes
    protocol = load_protocol(loaded.protocol)
    return Run(loaded.model_copy(update={"config": config}), protocol, find_task(task), seed, None, Budget(steps=steps))


def opened(*runs: Run) -> list[Trainee]:
    """Their lanes with learners, at their start."""
    return [new_trainee(run) for run in runs]


def advance(trainees: Sequence[Trainee], rollouts: int | None = None) -> None:
    """Train for a number of rollouts, or to the end of the budget."""
    for _ in islice(train(trainees), rollouts):
        pass


def whole_state(trainee: Trainee) -> dict[str, Any]:
    """Everything a run is, as comparable plain data."""
    past = past_of(trainee.lane)
    return {
        "step": past.step,
        "streams": past.streams,
        "episodes": past.episodes,
        "actors": plain(past.actors),
        "training": past.training,
        "chapters": past.chapters,
        "tensors": {name: tensor.numpy().tobytes() for name, tensor in trainee.learner.tensors().items()},
        "failure": trainee.failure,
    }
