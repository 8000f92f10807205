"""The on-policy training loop: play a rollout with all actors, learn from it, play the next.

A turn is one rollout of each lane and the updates on it, or an evaluation of a lane. Lanes of a cohort take turns;
their numbers do not depend on their neighbors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from replication.algorithms.on_policy.contract import Rollout
from replication.environments.contract import StepResult
from replication.specification.families.on_policy import OnPolicyConfig, RolloutFrames
from replication.training.on_policy.periodic_evaluation import evaluate
from replication.training.on_policy.trainee import Trainee
from replication.training.resumable_play import Play, play_at_once


def train(trainees: Sequence[Trainee], play: Play = play_at_once) -> Iterator[None]:
    """Train every lane by a rollout a turn, until all have spent their budget.

    Between two turns every lane can be stored and continued. So it can within a periodic evaluation, in which `play`
    may raise: the evaluation has changed nothing of the lane by then, and a lane that is continued there is evaluated
    before it plays another rollout.
    """
    while active := [trainee for trainee in trainees if trainee.active]:
        for trainee in active:
            if trainee.due_evaluation is not None:
                evaluate(trainee, play)
            else:
                play_rollout(trainee)
                learn(trainee)
        yield


def play_rollout(trainee: Trainee) -> None:
    """Play those whose turn it is until each has taken `rollout_steps`, or `rollout_episodes` trajectories have ended.

    Source: openai/baselines ea25b9e baselines/a2c/runner.py:24-56.
    """
    lane, learner, store, config = trainee.lane, trainee.learner, trainee.store, trainee.lane.config
    playing = lane.next_to_play
    store.clear(playing)
    first_step = lane.step
    while store.steps != config.rollout_steps and store.finished_trajectories != config.rollout_episodes:
        states = learner.shown(lane.stacks[playing])
        outputs, values, actions = learner.act(states, epsilon_of(trainee, first_step))
        store.begin_step(states, outputs, values, actions)
        results = lane.play(actions.numpy(), playing)
        learner.see(lane.stacks[playing])
        rewards = [learned_reward(result, config) for result in results]
        ended = [result.ended or result.life_lost for result in results]
        if config.recompute_advantages:
            for actor in truncated_in(results):
                store.keep_truncated(actor, learner.shown(lane.stacks[playing][actor]))
        store.end_step(rewards, ended, values_at_end(trainee, results))
        lane.begin_again(ended, playing)
        if any(ended):
            learner.see(lane.stacks[playing][ended])


def epsilon_of(trainee: Trainee, first_step: int) -> float:
    """Return the share of random actions in the step that is taken next.

    Args:
        trainee: playing a rollout.
        first_step: of the run, with which the rollout began.
    """
    lane, schedule = trainee.lane, trainee.lane.config.exploration
    if schedule is None:
        return 0.0
    steps = first_step if schedule.read_at == "rollout" else lane.step + lane.config.actors_a_rollout
    return schedule.at(steps * lane.run.protocol.training.frame_skip)


def values_at_end(trainee: Trainee, results: Sequence[StepResult]) -> NDArray[np.float32]:
    """Compute values of states at which trajectories were cut, float32 [actors]; 0 elsewhere, or if a cut is an end."""
    values, truncated = np.zeros(len(results), dtype=np.float32), truncated_in(results)
    if truncated and trainee.lane.config.bootstrap_at_truncation:
        learner, reached = trainee.learner, trainee.lane.stacks[trainee.store.playing][truncated]
        values[truncated] = learner.state_values(learner.shown(reached)).numpy()
    return values


def truncated_in(results: Sequence[StepResult]) -> list[int]:
    """Return the actors whose trajectory a cap has cut."""
    return [place for place, result in enumerate(results) if result.truncated]


def learn(trainee: Trainee) -> None:
    """Update the network on the rollout that was played; a lane whose loss is no finite number fails."""
    lane, learner, store = trainee.lane, trainee.learner, trainee.store
    rollout = store.rollout(last_values=learner.state_values(learner.shown(lane.stacks[store.playing])))
    frame_skip = lane.run.protocol.training.frame_skip
    first_step = lane.step - store.steps * lane.config.actors_a_rollout
    frames = RolloutFrames(first_step * frame_skip, (lane.step - 1) * frame_skip)
    try:
        learner.update(store.states, rollout, frames, partial(revalued, trainee, rollout))
    except FloatingPointError as error:
        trainee.failure = f"{error} at step {lane.step:,}"


def revalued(trainee: Trainee, rollout: Rollout) -> Rollout:
    """Compute the values of a rollout anew, by the network as it is now.

    Args:
        trainee: that has just played it.
        rollout: as it was played.
    """
    learner, store, states = trainee.learner, trainee.store, trainee.store.states
    values = learner.state_values(states.flatten(0, 1).numpy()).unflatten(0, states.shape[:2])
    last_values = learner.state_values(learner.shown(trainee.lane.stacks[store.playing]))
    at_end = torch.zeros_like(values)
    steps, actors, reached = store.truncated
    if steps and trainee.lane.config.bootstrap_at_truncation:
        at_end[steps, actors] = learner.state_values(np.stack(reached))
    following = torch.cat([values[1:], last_values[None]])
    return replace(rollout, values=values, next_values=torch.where(rollout.cut, at_end, following))


def learned_reward(result: StepResult, config: OnPolicyConfig) -> float:
    """Return what is learned from a step's summed reward."""
    return float(np.sign(result.reward)) if config.reward == "sign" else result.reward
