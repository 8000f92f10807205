"""The speed of training and of play on this machine, measured without writing anything."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from replication.evidence.evaluation import EvaluationRequest, begin_evaluation
from replication.foundation.random_streams import named_stream
from replication.specification.run import Run
from replication.training.off_policy.learner import prepare_torch
from replication.training.off_policy_continuous.loop import learn
from replication.training.off_policy_continuous.networks import EvaluatedActor
from replication.training.off_policy_continuous.trainee import Trainee, new_trainee

_STEPS_BEFORE = 1_000
"""Taken before steps and updates are timed, so that minibatches have something to hold."""


def measure_speed(run: Run, seconds: float) -> tuple[float, float]:
    """Train a lane, then play its actor; nothing is written.

    Args:
        run: of the family.
        seconds: how long each of the two is timed.

    Returns: agent steps a second in training once it learns, and in evaluation; on one core of the CPU.
    """
    prepare_torch()
    return speed_of(new_trainee(run), seconds)


def speed_of(trainee: Trainee, seconds: float) -> tuple[float, float]:
    """Measure the speed of a trainee that is at its start, as `measure_speed`."""
    lane, act = trainee.lane, trainee.learner.act
    for _ in range(_STEPS_BEFORE):
        lane.play(act)
    learn(trainee)  # compiled functions are ready
    a_step = _seconds_of(lambda: lane.play(act), seconds / 2)
    an_update = _seconds_of(lambda: learn(trainee), seconds / 2)
    return 1.0 / (a_step + lane.config.updates_a_step * an_update), _evaluation_speed(trainee.run, trainee, seconds)


def _seconds_of(work: Callable[[], object], seconds: float) -> float:
    """Measure how many seconds something takes, repeated for so many seconds."""
    count, started = 0, time.monotonic()
    while (passed := time.monotonic() - started) < seconds or not count:
        work()
        count += 1
    return passed / count


def _evaluation_speed(run: Run, trainee: Trainee, seconds: float) -> float:
    request = EvaluationRequest(run.protocol.training, "periodic_evaluation", num_steps=sys.maxsize)
    evaluation = begin_evaluation(run, None, request)
    policy, stream = EvaluatedActor(trainee.learner).policy(0.0), named_stream(run.seed, run.task.name, "speed")
    observation = next(evaluation)

    def step() -> None:
        nonlocal observation
        assert observation is not None
        observation = evaluation.send(policy(observation, stream))

    return 1.0 / _seconds_of(step, seconds)
