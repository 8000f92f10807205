"""Small real runs of the on-policy family on tasks of vectors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from replication.foundation.files import plain
from replication.specification.budget import Budget
from replication.specification.loading import load_variant
from replication.specification.run import Run
from replication.specification.tasks.registry import find_task
from replication.training.on_policy.checkpoint_files import past_of
from replication.training.on_policy.family import new_trainee
from replication.training.on_policy.loop import train
from replication.training.on_policy.trainee import Trainee
from tests.support.evaluated_runs import evaluated_protocol

SMALL = {"num_actors": 3, "rollout_steps": 8}


def small_run(
    variant: str = "reinforce_tianshou", task: str = "pendulum", seed: int = 1, steps: int = 192, **changes: Any
) -> Run:
    """A run of the variant with small networks and rollouts of 24 steps, evaluated every 50 steps by 3 episodes."""
    loaded = load_variant(variant)
    network = loaded.config["network"] | {"hidden_units": [12, 8]}
    # PPO learns from three epochs of four minibatches, so that each rollout has several.
    epochs = {"epochs": 3, "minibatches": 4} if loaded.config["minibatches"] > 1 else {}
    config = loaded.config | SMALL | epochs | {"network": network} | changes
    protocol = evaluated_protocol(training={"kind": "gymnasium", "episode_cap_steps": 20})
    return Run(loaded.model_copy(update={"config": config}), protocol, find_task(task), seed, None, Budget(steps=steps))


def opened(*runs: Run) -> list[Trainee]:
    """Their lanes with learners, at their start."""
    return [new_trainee(run) for run in runs]


def advance(trainees: Sequence[Trainee], turns: int | None = None) -> None:
    """Train for a number of turns, or to the end of the budget."""
    for _ in islice(train(trainees), turns):
        pass


def whole_state(trainee: Trainee) -> dict[str, Any]:
    """Everything a run is, as comparable plain data."""
    past = past_of(trainee.lane)
    return {
        "step": past.step,
        "streams": past.streams,
        "episodes": past.episodes,
        "actors": plain(past.actors),
        "curve": trainee.curve,
        "tensors": {name: tensor.numpy().tobytes() for name, tensor in trainee.learner.tensors().items()},
        "failure": trainee.failure,
    }
