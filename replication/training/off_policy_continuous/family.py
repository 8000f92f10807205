"""Agents with an actor of continuous actions and critics: cohorts of lanes, and what they play."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from replication.environments.contract import Policy, Viewing
from replication.foundation.progress import say
from replication.specification.run import Run
from replication.training.machine.settings import Machine
from replication.training.off_policy.learner import prepare_torch
from replication.training.off_policy_continuous.cohort import ContinuousCohort, check_device
from replication.training.off_policy_continuous.footprint import memory_text
from replication.training.off_policy_continuous.networks import EvaluatedActor, read_actor
from replication.training.off_policy_continuous.speed import measure_speed
from replication.training.off_policy_continuous.trainee import new_trainee

__all__ = ["measure_speed", "open_cohort", "open_network", "player"]


@contextmanager
def open_cohort(runs: Sequence[Run], machine: Machine) -> Iterator[ContinuousCohort]:
    """Open the lanes of runs.

    Raises:
        ReplicationError: another device than the CPU; a task whose actions are no bounded vectors.
    """
    prepare_torch()
    run = runs[0]
    check_device(run, machine)
    say(f"{memory_text(run, machine.storage)}{f', for each of {len(runs)} lanes' if len(runs) > 1 else ''}")
    yield ContinuousCohort([new_trainee(run) for run in runs], machine)


def player(run: Run, network: Path | None) -> tuple[Policy, Viewing | None]:
    """Return the policy of a stored actor; it sees the observations of the task as they are."""
    assert network is not None, "a run that trains has a network"
    return open_network(run, network).policy(run.final_epsilon(run.protocol.final_evaluation)), None


def open_network(run: Run, path: Path) -> EvaluatedActor:
    """Open a stored actor, or that of a checkpoint."""
    prepare_torch()
    return read_actor(run, path, new_trainee(run).learner)
