"""The speed at which this machine trains and evaluates a variant, from a few seconds of each."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from itertools import islice

from replication.algorithms.off_policy.contract import load_algorithm
from replication.environments.contract import Viewing
from replication.evidence.evaluation import EvaluationRequest, begin_evaluation
from replication.specification.families.off_policy import OffPolicyConfig, ReplayStart
from replication.specification.run import Run
from replication.training.off_policy.acting import greedy_policy
from replication.training.off_policy.lane import Lane
from replication.training.off_policy.learner import Learner, prepare_torch
from replication.training.off_policy.loop import train
from replication.training.off_policy.trainee import Trainee
from replication.training.replay.frame_store import build_frame_store

_ROWS = 5_000
_WARM_UP_STEPS = 300
"""Compiled functions are ready and learning has started."""
_PLAYED_STEPS = 50
"""Between two looks at the clock."""


def measure_speed(run: Run, seconds: float) -> tuple[float, float]:
    """Train a lane past the start of learning, then play its network greedily; nothing is written.

    Args:
        run: an off-policy run; its replay memory is made small and learning starts at once.
        seconds: how long each of the two is timed.

    Returns: agent steps a second in training without its evaluations, and in evaluation; on one core of the CPU.
    """
    prepare_torch()
    algorithm = load_algorithm(run.variant.module)
    small = {"replay_capacity_rows": _ROWS, "replay_start": ReplayStart(count=100, unit="steps")}
    # Exploration as in most of a run, at the end of its schedule.
    config = run.settings_as(OffPolicyConfig)
    config = config.model_copy(update=small | {"epsilon": config.epsilon.model_copy(update={"start": 0.1})})
    lane = Lane(run, config, build_frame_store("lz4", _ROWS))
    learner = Learner(algorithm, config, lane.game.num_actions, lane.streams, "cpu")
    turns = train([Trainee(lane, learner)], config)
    for _ in islice(turns, _WARM_UP_STEPS):
        pass
    before = lane.step
    training = _rate(lambda: sum(1 for _ in islice(turns, 20)), seconds)
    assert lane.step > before
    policy = greedy_policy(learner, config.evaluation_epsilon)
    shown = run.protocol.training
    viewing = Viewing(config.frame_pipeline, config.frame_stack, shown.frame_skip)

    # One evaluation without an end: opening an emulator takes as long as a hundred steps.
    evaluation = begin_evaluation(run, viewing, EvaluationRequest(shown, "periodic_evaluation", num_steps=sys.maxsize))
    stack = next(evaluation)

    def play() -> int:
        nonlocal stack
        for _ in range(_PLAYED_STEPS):
            assert stack is not None, "a game in this process shows a state at once"
            stack = evaluation.send(policy(stack, lane.streams["exploration"]))
        return _PLAYED_STEPS

    return training, _rate(play, seconds)


def _rate(some: Callable[[], int], seconds: float) -> float:
    started, done = time.monotonic(), 0
    while (spent := time.monotonic() - started) < seconds:
        done += some()
    return done / spent
