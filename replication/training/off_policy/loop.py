"""The training loop of agents that learn from a replay memory, for K lanes in lockstep.

All periods are counted in agent steps, so the lanes of a cohort act, learn, copy their target network and are
evaluated at the same ticks; a lane's numbers do not depend on its neighbors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replication.specification.families.off_policy import OffPolicyConfig
from replication.training.off_policy.acting import choose
from replication.training.off_policy.batching import IN_TURN, Minibatch, Networks
from replication.training.off_policy.periodic_evaluation import (
    evaluate_periodically,
    evaluation_is_due,
    owes_evaluation,
)
from replication.training.off_policy.trainee import Trainee
from replication.training.resumable_play import Play, play_at_once
from replication.training.schedules import is_due


def train(
    trainees: Sequence[Trainee], config: OffPolicyConfig, networks: Networks = IN_TURN, play: Play = play_at_once
) -> Iterator[None]:
    """Advance every lane by one agent step a turn, until all have spent their budget.

    Between two turns every lane can be stored and continued. So it can within a periodic evaluation, in which `play`
    may raise: the evaluation has changed nothing of the lane by then, and a lane that is continued there is evaluated
    before it takes another step.

    Lanes may live in workers, so that what is begun goes on elsewhere: minibatches are drawn while actions are chosen,
    and lanes play while the networks learn. When a step has several updates, all lanes make one of them, and renew
    their priorities, before the next. All minibatches of a step are drawn from the replay memory as it was before the
    step: no lane plays before the last of them is begun.

    Source: google-deepmind/dqn dqn/NeuralQLearner.lua:300-365 for the order inside a step. Dopamine's agents learn
    before they choose an action (`acts_before_update` is false).
    """
    owing = [trainee for trainee in healthy(trainees) if owes_evaluation(trainee)]
    if owing:
        networks.keep([trainee.learner for trainee in owing])
        evaluate_periodically(owing, config, networks, play)
        yield
    while active := [trainee for trainee in trainees if trainee.active]:
        networks.keep([trainee.learner for trainee in active])
        hold_out_transitions(active, config)
        due = due_updates(active, config)
        begin_batches(due.update)
        actions = choose(active, config, networks) if config.acts_before_update else None
        for _ in range(config.updates_at_once - 1):
            update(due.update, networks)
            begin_batches(due.update)
        if actions is not None:
            begin_steps(active, actions)
        update(due.update, networks)
        networks.copy_to_target([trainee.learner for trainee in due.copy_target])
        for trainee in active:
            trainee.lane.step += 1
        if actions is None:
            begin_steps(active, choose(active, config, networks))
        for trainee in active:
            trainee.lane.end_step()
        evaluated = [trainee for trainee in healthy(active) if evaluation_is_due(trainee.lane)]
        if evaluated:
            evaluate_periodically(evaluated, config, networks, play)
        yield


def hold_out_transitions(trainees: Sequence[Trainee], config: OffPolicyConfig) -> None:
    """Set transitions aside in each lane whose learning has just started, for the curves of values and TD errors."""
    if config.held_out_transitions:
        for lane in (trainee.lane for trainee in trainees):
            if lane.held_out is None and lane.learning_started:
                lane.held_out = lane.sample(config.held_out_transitions)


@dataclass(frozen=True)
class DueUpdates:
    """The updates that fall on a step."""

    update: list[Trainee]
    """Those whose online network is updated, as often as `updates_at_once` says."""
    copy_target: list[Trainee]
    """Those whose target network becomes a copy of the online network."""


def due_updates(trainees: Sequence[Trainee], config: OffPolicyConfig) -> DueUpdates:
    """Find the updates that are due: periods count agent steps, and nothing is due before learning has started."""
    learning = [trainee for trainee in trainees if trainee.lane.learning_started]
    return DueUpdates(
        update=[trainee for trainee in learning if is_due(trainee.lane.step, config.update_period_steps)],
        copy_target=[trainee for trainee in learning if is_due(trainee.lane.step, config.target_update_period_steps)],
    )


def begin_batches(trainees: Sequence[Trainee]) -> None:
    """Begin to draw a minibatch in each lane that has not failed."""
    for trainee in healthy(trainees):
        trainee.lane.begin_batch()


def update(trainees: Sequence[Trainee], networks: Networks) -> None:
    """Update each online network on its lane's minibatch, and renew the priorities of the transitions in it.

    A lane whose loss, or one of whose priorities, is no finite number fails. It ends this step with the others, but is
    not updated again, and takes part in no further step.
    """
    updated = healthy(trainees)
    minibatches: list[Minibatch] = [(each.learner, each.lane.batch(), each.lane.streams["loss"]) for each in updated]
    for trainee, learned in zip(updated, networks.update(minibatches), strict=True):
        failure = learned.failure or _bad_priority(learned.priorities)
        if failure is not None:
            trainee.failure = f"{failure} at step {trainee.lane.step:,}"
        elif learned.priorities is not None:
            trainee.lane.renew_priorities(learned.priorities)


def begin_steps(trainees: Sequence[Trainee], actions: Mapping[int, int]) -> None:
    """Begin to play each lane's action; a lane that has none stores its trajectory's last frame."""
    for place, trainee in enumerate(trainees):
        if place in actions:
            trainee.lane.begin_play(actions[place])
        else:
            trainee.lane.begin_storing_last_frame()


def healthy(trainees: Sequence[Trainee]) -> list[Trainee]:
    """Select those that have not failed."""
    return [trainee for trainee in trainees if trainee.failure is None]


def _bad_priority(priorities: NDArray[np.float32] | None) -> str | None:
    """Describe the first priority that is negative or not finite; None where each is as it should be."""
    if priorities is None:
        return None
    bad = priorities[~(np.isfinite(priorities) & (priorities >= 0.0))]
    return f"a priority is {bad[0]}" if len(bad) else None
