"""The training loop of agents that learn from a replay memory, for K lanes in lockstep.

All periods are counted in agent steps, so the lanes of a cohort act, learn, copy their target network and are
evaluated at the same ticks; a lane's numbers do not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replication.specification.families.off_policy import OffPolicyConfig
from replication.training.off_policy.acting import act
from replication.training.off_policy.batching import IN_TURN, Networks
from replication.training.off_policy.periodic_evaluation import (
    evaluate_periodically,
    evaluation_is_due,
    owes_evaluation,
)
from replication.training.off_policy.trainee import Trainee
from replication.training.resumable_play import Play, play_at_once
from replication.training.schedules import epsilon_at, is_due


def train(
    trainees: Sequence[Trainee], config: OffPolicyConfig, networks: Networks = IN_TURN, play: Play = play_at_once
) -> Iterator[None]:
    """Advance every lane by one agent step a turn, until all have spent their budget.

    Between two turns every lane is in a state from which it can be stored and continued. It is in one within a periodic
    evaluation too, in which `play` may raise: nothing of the evaluation has changed the lane by then, and a lane that
    is continued there is evaluated before it takes another step.

    Source: google-deepmind/dqn dqn/NeuralQLearner.lua:300-365 for the order inside a step; Dopamine's agents learn
    before they choose (`acts_before_update` is false). What was begun may be under way elsewhere, so lanes that live in
    workers draw minibatches while actions are chosen, and play while the networks learn.

    An update is made by all lanes, and their priorities are renewed, before the next of a round. All minibatches of a
    round are drawn from the memory as it was before this step: nobody plays before the last one is begun.
    """
    owing = [trainee for trainee in trainees if trainee.failure is None and owes_evaluation(trainee)]
    if owing:
        networks.keep([trainee.learner for trainee in owing])
        evaluate_periodically(owing, config, networks, play)
        yield
    while active := [trainee for trainee in trainees if trainee.active]:
        networks.keep([trainee.learner for trainee in active])
        lesson = begin_lesson(active, config)
        actions = choose(active, config, networks) if config.acts_before_update else None
        for _ in range(config.updates_at_once - 1):
            learn(lesson, networks)
            begin_batches(lesson)
        if actions is not None:
            begin_to_play(active, actions)
        learn(lesson, networks)
        networks.copy_to_target([trainee.learner for trainee in lesson.copied])
        for trainee in active:
            trainee.lane.step += 1
        if actions is None:
            begin_to_play(active, choose(active, config, networks))
        for trainee in active:
            trainee.lane.end_play()
        due = [trainee for trainee in active if trainee.failure is None and evaluation_is_due(trainee.lane)]
        if due:
            evaluate_periodically(due, config, networks, play)
        yield


def choose(trainees: Sequence[Trainee], config: OffPolicyConfig, networks: Networks) -> dict[int, int]:
    """The actions of this step by place, epsilon-greedy; none where a trajectory's last frame is perceived."""
    playing = {place: trainee for place, trainee in enumerate(trainees) if not trainee.lane.at_end}
    epsilons = {place: epsilon_at(trainee.lane.step, config.epsilon) for place, trainee in playing.items()}
    streams = {place: trainee.lane.streams["exploration"] for place, trainee in playing.items()}
    seen = {place: (trainee.learner, trainee.lane.stack) for place, trainee in playing.items()}
    return act(seen, epsilons, streams, networks, evaluating=False)


def begin_to_play(trainees: Sequence[Trainee], actions: Mapping[int, int]) -> None:
    """Have every lane play its action, or perceive its trajectory's last frame."""
    for place, trainee in enumerate(trainees):
        trainee.lane.begin_play(actions.get(place))


@dataclass(frozen=True)
class Lesson:
    """Who has updates due in this step, on minibatches that are being drawn, and whose target network is copied."""

    updated: list[Trainee]
    copied: list[Trainee]

    @property
    def studying(self) -> list[Trainee]:
        """Those of the updated that have not failed, in an earlier update of the round."""
        return [trainee for trainee in self.updated if trainee.failure is None]


def begin_lesson(trainees: Sequence[Trainee], config: OffPolicyConfig) -> Lesson:
    """Have minibatches drawn where updates are due; set transitions aside when learning starts."""
    learning = [trainee for trainee in trainees if trainee.lane.learning_started]
    for lane in (trainee.lane for trainee in learning):
        if lane.held_out is None and config.held_out_transitions:
            lane.held_out = lane.sample(config.held_out_transitions)
    updated = [trainee for trainee in learning if is_due(trainee.lane.step, config.update_period_steps)]
    copied = [trainee for trainee in learning if is_due(trainee.lane.step, config.target_update_period_steps)]
    lesson = Lesson(updated, copied)
    begin_batches(lesson)
    return lesson


def begin_batches(lesson: Lesson) -> None:
    """Have a minibatch drawn for each lane that has an update due."""
    for trainee in lesson.studying:
        trainee.lane.begin_batch()


def learn(lesson: Lesson, networks: Networks) -> None:
    """Update on the minibatches drawn, and hand back the priorities of their transitions.

    A lane whose loss or a priority is no finite number fails: it ends this turn with the others, learns nothing more,
    and takes part in no further one.
    """
    studying = lesson.studying
    studied = [(each.learner, each.lane.batch(), each.lane.streams["loss"]) for each in studying]
    for trainee, learned in zip(studying, networks.update(studied), strict=True):
        failure = learned.failure or _bad_priority(learned.priorities)
        if failure is not None:
            trainee.failure = f"{failure} at step {trainee.lane.step:,}"
        elif learned.priorities is not None:
            trainee.lane.renew_priorities(learned.priorities)


def _bad_priority(priorities: NDArray[np.float32] | None) -> str | None:
    """What is wrong with priorities, where there are any: each is to be a finite number, not negative."""
    if priorities is None:
        return None
    bad = priorities[~(np.isfinite(priorities) & (priorities >= 0.0))]
    return f"a priority is {bad[0]}" if len(bad) else None
