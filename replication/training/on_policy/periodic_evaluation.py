"""Periodic evaluation of a policy, as the settings say that it acts."""

from __future__ import annotations

from replication.training.on_policy.evaluated_network import EvaluatedNetwork, network_sha256
from replication.training.on_policy.trainee import Trainee
from replication.training.periodic_evaluation import EvaluatedPolicy, evaluated_point
from replication.training.resumable_play import Play


def evaluate(trainee: Trainee, play: Play) -> None:
    """Play the policy as it is since the last updates, apart from training.

    Raises:
        Stopped: by `play`.
    """
    learner, step = trainee.learner, trainee.due_evaluation
    assert step is not None, "asked for while no evaluation is due"
    periodic = trainee.run.protocol.periodic_evaluation
    act = EvaluatedNetwork(learner, trainee.lane.actions).policy(0.0 if periodic is None else periodic.epsilon)
    policy = EvaluatedPolicy(act, network_sha256(learner), trainee.lane.actions)
    trainee.evaluated = evaluated_point(trainee.run, step, trainee.curve, policy, play)
    trainee.curve.append(trainee.evaluated.point)
