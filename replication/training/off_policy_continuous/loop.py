"""The training loop of an actor and its critics.

A turn is a few steps and updates of each lane in turn, whose numbers do not depend on their neighbors. Updates that
fall on a step, or on the end of an episode, are made before the next step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from replication.training.off_policy_continuous.periodic_evaluation import evaluate
from replication.training.off_policy_continuous.trainee import Trainee
from replication.training.resumable_play import Play, play_at_once

_TURN = 64
"""Steps and updates of a lane in a turn: so many that its weights stay near the processor, in well under a second."""


def train(trainees: Sequence[Trainee], play: Play = play_at_once) -> Iterator[None]:
    """Advance every lane, turn after turn, until all have spent their budget.

    Between two turns each lane can be stored and continued. So it can within a periodic evaluation, in which `play`
    may raise: the evaluation has changed nothing of the lane by then, and a lane that is continued there is evaluated
    before it takes another step.
    """
    while active := [trainee for trainee in trainees if trainee.active]:
        for trainee in active:
            if trainee.owes_evaluation:
                evaluate(trainee, play)
            else:
                advance(trainee)
        yield


def advance(trainee: Trainee) -> None:
    """Take steps and make the updates that fall on them, up to the next evaluation, the end, or that of the turn."""
    lane, learner = trainee.lane, trainee.learner
    for _ in range(_TURN):
        if lane.updates_owed:
            learn(trainee)
        elif not lane.done:
            lane.play(learner.act)
            learner.end_step(lane.step)
        if not trainee.active or trainee.owes_evaluation:
            return


def learn(trainee: Trainee) -> None:
    """Make one update; a lane whose loss is no finite number fails."""
    lane = trainee.lane
    try:
        trainee.learner.update(lane.replay.sample(lane.streams["replay"]))
    except FloatingPointError as error:
        trainee.failure = f"{error} at step {lane.step:,}"
    lane.updates_owed -= 1
