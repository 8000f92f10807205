"""Periodic evaluation of an actor, without its noise."""

from __future__ import annotations

from replication.training.off_policy_continuous.networks import network_sha256
from replication.training.off_policy_continuous.trainee import Trainee
from replication.training.periodic_evaluation import EvaluatedPolicy, evaluated_point
from replication.training.resumable_play import Play


def evaluate(trainee: Trainee, play: Play) -> None:
    """Play the actor as it is, apart from training.

    Raises:
        Stopped: by `play`.
    """
    learner = trainee.learner
    policy = EvaluatedPolicy(
        lambda observation, stream: learner.act(observation), network_sha256(learner), trainee.lane.actions
    )
    trainee.evaluated = evaluated_point(trainee.run, trainee.step, trainee.curve, policy, play)
    trainee.curve.append(trainee.evaluated.point)
