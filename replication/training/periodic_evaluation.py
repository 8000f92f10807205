"""An evaluation in training whose score is a point of the curve, for families that evaluate one run at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replication.environments.contract import ActionCodec
from replication.evidence.evaluation import EvaluationRequest, Purpose, begin_evaluation, exploration_stream
from replication.evidence.scores import CurvePoint, score
from replication.specification.run import Run
from replication.training.contract import EvaluatedPoint
from replication.training.resumable_play import Play, Played

_PURPOSE: Purpose = "periodic_evaluation"


@dataclass(frozen=True)
class EvaluatedPolicy:
    """The policy of a run in training, as it is evaluated."""

    act: Callable[[NDArray[Any], np.random.Generator], Any]
    """From what is seen and a stream of the evaluation to an action, as the task takes it."""
    sha256: str
    """Of its parameters."""
    actions: ActionCodec
    """Of the task."""


def evaluated_point(
    run: Run, step: int, curve: Sequence[CurvePoint], policy: EvaluatedPolicy, play: Play
) -> EvaluatedPoint:
    """Play a policy as it is, apart from training.

    Args:
        run: whose protocol says how.
        step: of training, at which it is evaluated; a multiple of the protocol's period.
        curve: the evaluations before it.
        policy: what is played.
        play: the player.

    Raises:
        Stopped: by `play`; nothing has changed.
    """
    periodic = run.protocol.periodic_evaluation
    assert periodic is not None, f"{run.name}: protocol {run.protocol.protocol} has no periodic_evaluation"
    index = step // periodic.period_steps
    request = EvaluationRequest(periodic.presentation, _PURPOSE, index, periodic.num_episodes, periodic.length_steps)
    evaluation, stream = begin_evaluation(run, None, request), exploration_stream(run, _PURPOSE, index)
    played = Played(evaluation, run, _PURPOSE, index, policy.sha256, policy.actions, stream)

    def choose(seen: Mapping[int, NDArray[Any]]) -> dict[int, Any]:
        return {place: policy.act(one, stream) for place, one in seen.items()}

    (trace,) = play([played], choose, lambda place, observation: None)
    found = score(trace)
    earlier = [point.score for point in curve if point.score is not None]
    point = CurvePoint(
        step=step,
        score=None if math.isnan(found) else found,
        episodes=sum(episode.ending != "unfinished" for episode in trace.episodes),
        held_out_value=None,
        held_out_td_error=None,
        epsilon=0.0,
        is_best=not math.isnan(found) and (not earlier or found > max(earlier)),
    )
    return EvaluatedPoint(point, trace)
