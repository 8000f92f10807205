"""Small real runs of the continuous off-policy family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from replication.foundation.files import plain
from replication.specification.budget import Budget
from replication.specification.loading import load_variant
from replication.specification.run import Run
from replication.specification.tasks.registry import find_task
from replication.training.off_policy_continuous.loop import train
from replication.training.off_policy_continuous.trainee import Trainee, new_trainee
from tests.support.evaluated_runs import evaluated_protocol

SMALL_UNITS = [12, 8]
SMALL = {"batch_size": 8, "random_steps": 30, "random_steps_of_tasks": {}}


def small_run(
    variant: str = "td3_2018", task: str = "pendulum", seed: int = 1, steps: int = 200, **changes: Any
) -> Run:
    """A run of the variant with small networks, evaluated every 50 steps by 3 episodes of 40 steps."""
    loaded = load_variant(variant)
    networks = {name: loaded.config[name] | {"hidden_units": SMALL_UNITS} for name in ("actor", "critic")}
    config = loaded.config | SMALL | networks | changes
    protocol = evaluated_protocol(training={"kind": "gymnasium", "episode_cap_steps": 45})
    return Run(loaded.model_copy(update={"config": config}), protocol, find_task(task), seed, None, Budget(steps=steps))


def with_noise(run: Run, **noise: Any) -> Run:
    """The same run with other noise."""
    return replace(run, variant=run.variant.model_copy(update={"config": run.variant.config | {"noise": noise}}))


def opened(*runs: Run) -> list[Trainee]:
    """Their lanes with learners, at their start."""
    return [new_trainee(run) for run in runs]


def advance(trainees: Sequence[Trainee], turns: int | None = None) -> None:
    """Train for a number of turns, or to the end of the budget."""
    for _ in islice(train(trainees), turns):
        pass


def whole_state(trainee: Trainee) -> dict[str, Any]:
    """Everything a run is, as comparable plain data."""
    tensors = trainee.learner.tensors() | {"replay": trainee.lane.replay.content()}
    return {
        "lane": plain(trainee.lane.state()),
        "episodes": trainee.lane.episodes,
        "curve": trainee.curve,
        "added": trainee.lane.replay.added,
        "updates": trainee.learner.updates,
        "tensors": {name: tensor.numpy().tobytes() for name, tensor in tensors.items()},
        "failure": trainee.failure,
    }
