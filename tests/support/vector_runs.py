"""Small real runs of the off-policy family on vectors."""

from __future__ import annotations

from typing import Any

from replication.specification.budget import Budget
from replication.specification.loading import load_variant
from replication.specification.run import Run
from replication.specification.tasks.registry import find_task
from replication.training.off_policy_continuous.trainee import Trainee
from replication.training.off_policy_vectors.family import new_trainee
from tests.support.evaluated_runs import evaluated_protocol


def small_run(
    variant: str = "dqn_course", task: str = "cart_pole", seed: int = 1, steps: int = 200, **changes: Any
) -> Run:
    """A run of the variant with a small network, evaluated every 50 steps by 3 episodes, cut at 45 steps."""
    loaded = load_variant(variant)
    config = loaded.config | {"hidden_units": [12, 8], "batch_size": 8} | changes
    protocol = evaluated_protocol(training={"kind": "gymnasium", "episode_cap_steps": 45})
    return Run(loaded.model_copy(update={"config": config}), protocol, find_task(task), seed, None, Budget(steps=steps))


def opened(*runs: Run) -> list[Trainee]:
    """Their lanes with learners, at their start."""
    return [new_trainee(run) for run in runs]
