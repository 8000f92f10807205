"""Periodic evaluation of agents that learn from a replay memory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from replication.environments.contract import DiscreteActions
from replication.evidence.evaluation import EvaluationRequest, Purpose, exploration_stream
from replication.evidence.scores import CurvePoint, score
from replication.evidence.traces import AnyTrace
from replication.foundation.random_streams import named_stream
from replication.specification.families.off_policy import OffPolicyConfig
from replication.training.contract import EvaluatedPoint
from replication.training.off_policy.acting import act
from replication.training.off_policy.batching import Networks
from replication.training.off_policy.lane_contract import AnyLane
from replication.training.off_policy.networks import network_sha256
from replication.training.off_policy.trainee import Trainee
from replication.training.resumable_play import Choose, Play, Played, play_at_once
from replication.training.schedules import epsilon_at, is_due


def evaluation_is_due(lane: AnyLane) -> bool:
    """Return whether a lane is evaluated at its step: every `period_steps`, once learning has started.

    Source: google-deepmind/dqn dqn/train_agent.lua:106.
    """
    periodic = lane.run.protocol.periodic_evaluation
    return periodic is not None and is_due(lane.step, periodic.period_steps) and lane.learning_started


def owes_evaluation(trainee: Trainee) -> bool:
    """Return whether a lane was stored within the evaluation that is due at its step."""
    evaluated = bool(trainee.curve) and trainee.curve[-1].step == trainee.lane.step
    return evaluation_is_due(trainee.lane) and not evaluated


def evaluate_periodically(
    trainees: Sequence[Trainee], config: OffPolicyConfig, networks: Networks, play: Play = play_at_once
) -> None:
    """Play the online networks side by side, apart from training, and keep each that scores higher than ever before."""
    for trainee, trace in zip(trainees, _periodic_traces(trainees, networks, play), strict=True):
        lane, learner = trainee.lane, trainee.learner
        value = td_error = None
        if lane.held_out is not None:
            # A stream of its own, so that these statistics do not shift what training draws.
            apart = named_stream(lane.run.seed, lane.run.task.name, "held_out_loss", _evaluation_index(lane))
            value, td_error = learner.held_out_statistics(lane.held_out, apart)
        found = score(trace)
        earlier = [point.score for point in trainee.curve if point.score is not None]
        is_best = not math.isnan(found) and (not earlier or found > max(earlier))
        if is_best:
            trainee.best = learner.online_parameters()
        point = CurvePoint(
            step=lane.step,
            score=None if math.isnan(found) else found,
            episodes=sum(episode.ending != "unfinished" for episode in trace.episodes),
            held_out_value=value,
            held_out_td_error=td_error,
            epsilon=epsilon_at(lane.step, config.epsilon),
            is_best=is_best,
        )
        trainee.curve.append(point)
        trainee.evaluated = EvaluatedPoint(point, trace)


def _periodic_traces(trainees: Sequence[Trainee], networks: Networks, play: Play) -> list[AnyTrace]:
    epsilons, played = [], []
    purpose: Purpose = "periodic_evaluation"
    for trainee in trainees:
        lane, learner = trainee.lane, trainee.learner
        periodic, index = lane.run.protocol.periodic_evaluation, _evaluation_index(lane)
        assert periodic is not None
        epsilons.append(periodic.epsilon)
        request = EvaluationRequest(periodic.presentation, purpose, index, periodic.num_episodes, periodic.length_steps)
        begun, stream = lane.begin_evaluation(request), exploration_stream(lane.run, purpose, index)
        network = network_sha256(learner.online_parameters())
        actions = DiscreteActions(codes=tuple(range(learner.num_actions)))
        played.append(Played(begun, lane.run, purpose, index, network, actions, stream))
    return play(played, evaluation_policy(trainees, played, epsilons, networks), lambda place, stack: None)


def evaluation_policy(
    trainees: Sequence[Trainee], played: Sequence[Played], epsilons: Sequence[float], networks: Networks
) -> Choose:
    """Return the epsilon-greedy policy of the online networks, for the evaluations that are under way."""
    epsilon_of = dict(enumerate(epsilons))
    streams = {place: each.stream for place, each in enumerate(played)}

    def choose(stacks: Mapping[int, NDArray[np.uint8]]) -> dict[int, int]:
        seen = {place: (trainees[place].learner, stack) for place, stack in stacks.items()}
        return act(seen, epsilon_of, streams, networks, evaluating=True)

    return choose


def _evaluation_index(lane: AnyLane) -> int:
    periodic = lane.run.protocol.periodic_evaluation
    assert periodic is not None
    return lane.step // periodic.period_steps
