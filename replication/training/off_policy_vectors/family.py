"""Agents with values of a few actions on vectors: cohorts of lanes, and what they play.

Lanes and learners are the family's own; the loop, checkpoints, evaluations and records around them are those of the
continuous family.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from replication.algorithms.off_policy_vectors.contract import load_algorithm
from replication.environments.contract import Policy, Viewing
from replication.foundation.progress import say
from replication.specification.families.off_policy_vectors import OffPolicyVectorsConfig
from replication.specification.run import Run
from replication.training.machine.settings import Machine
from replication.training.off_policy.learner import prepare_torch
from replication.training.off_policy_continuous.cohort import ContinuousCohort, check_device
from replication.training.off_policy_continuous.networks import EvaluatedActor, read_actor
from replication.training.off_policy_continuous.speed import speed_of
from replication.training.off_policy_continuous.trainee import Trainee
from replication.training.off_policy_vectors.footprint import memory_text
from replication.training.off_policy_vectors.lane import Lane
from replication.training.off_policy_vectors.learner import Learner


@contextmanager
def open_cohort(runs: Sequence[Run], machine: Machine) -> Iterator[ContinuousCohort]:
    """Open the lanes of runs.

    Raises:
        ReplicationError: another device than the CPU; a task whose actions are no numbers.
    """
    prepare_torch()
    check_device(runs[0], machine)
    say(f"{memory_text(runs[0], machine.storage)}{f', for each of {len(runs)} lanes' if len(runs) > 1 else ''}")
    yield ContinuousCohort([new_trainee(run) for run in runs], machine)


def new_trainee(run: Run) -> Trainee:
    """Open the task of a run, and build its network."""
    lane = Lane(run, run.settings_as(OffPolicyVectorsConfig))
    algorithm = load_algorithm(run.variant.module)
    actions = len(lane.actions.codes)
    return Trainee(lane, Learner(algorithm, lane.config, lane.observation_size, actions, lane.streams))


def player(run: Run, network: Path | None) -> tuple[Policy, Viewing | None]:
    """Return the policy of a stored network; it sees the observations of the task as they are."""
    assert network is not None, "a run that trains has a network"
    return open_network(run, network).policy(run.final_epsilon(run.protocol.final_evaluation)), None


def open_network(run: Run, path: Path) -> EvaluatedActor:
    """Open a stored network, or that of a checkpoint."""
    prepare_torch()
    return read_actor(run, path, new_trainee(run).learner)


def measure_speed(run: Run, seconds: float) -> tuple[float, float]:
    """Train a lane, then play its policy; nothing is written."""
    prepare_torch()
    return speed_of(new_trainee(run), seconds)
