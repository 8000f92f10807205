"""Periodic evaluation of an actor, without its noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replication.evidence.evaluation import EvaluationRequest, Purpose, begin_evaluation, exploration_stream
from replication.evidence.scores import CurvePoint, score
from replication.training.contract import EvaluatedPoint
from replication.training.off_policy_continuous.networks import network_sha256
from replication.training.off_policy_continuous.trainee import Trainee
from replication.training.resumable_play import Choose, Play, Played

_PURPOSE: Purpose = "periodic_evaluation"


def evaluate(trainee: Trainee, play: Play) -> None:
    """Play the actor as it is, apart from training.

    Raises:
        Stopped: by `play`.
    """
    run, periodic = trainee.run, trainee.run.protocol.periodic_evaluation
    assert periodic is not None
    index = trainee.step // periodic.period_steps
    request = EvaluationRequest(periodic.presentation, _PURPOSE, index, periodic.num_episodes, periodic.length_steps)
    played = Played(
        begin_evaluation(run, None, request),
        run,
        _PURPOSE,
        index,
        network_sha256(trainee.learner),
        trainee.lane.actions,
        exploration_stream(run, _PURPOSE, index),
    )
    (trace,) = play([played], policy_of(trainee), lambda place, observation: None)
    found = score(trace)
    earlier = [point.score for point in trainee.curve if point.score is not None]
    point = CurvePoint(
        step=trainee.step,
        score=None if math.isnan(found) else found,
        episodes=sum(episode.ending != "unfinished" for episode in trace.episodes),
        held_out_value=None,
        held_out_td_error=None,
        epsilon=0.0,
        is_best=not math.isnan(found) and (not earlier or found > max(earlier)),
    )
    trainee.curve.append(point)
    trainee.evaluated = EvaluatedPoint(point, trace)


def policy_of(trainee: Trainee) -> Choose:
    """Return the policy of the actor, for evaluations that are under way."""
    act = trainee.learner.act

    def choose(seen: Mapping[int, NDArray[np.float32]]) -> dict[int, Any]:
        return {place: act(observation) for place, observation in seen.items()}

    return choose
