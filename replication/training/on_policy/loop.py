"""The training loop of agents that learn from what their policy has just done.

A turn is a rollout and what is learned from it. Lanes train in turn; a lane's numbers do not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from replication.environments.contract import StepResult
from replication.specification.families.on_policy import OnPolicyConfig, RolloutFrames
from replication.training.on_policy.trainee import Trainee


def train(trainees: Sequence[Trainee]) -> Iterator[None]:
    """Train every lane by a rollout a turn, until all have spent their budget.

    Between two turns every lane can be stored and continued.
    """
    while active := [trainee for trainee in trainees if trainee.active]:
        for trainee in active:
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
        stacks = lane.stacks[playing]
        outputs, values, actions = learner.act(stacks, epsilon_of(trainee, first_step))
        store.begin_step(stacks, outputs, values, actions)
        results = lane.play(actions.numpy(), playing)
        rewards = [learned_reward(result, config) for result in results]
        ended = [result.ended or result.life_lost for result in results]
        store.end_step(rewards, ended, values_at_end(trainee, results))
        lane.begin_again(ended, playing)


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
    values = np.zeros(len(results), dtype=np.float32)
    truncated = [place for place, result in enumerate(results) if result.truncated]
    if truncated and trainee.lane.config.bootstrap_at_truncation:
        reached = trainee.lane.stacks[trainee.store.playing][truncated]
        values[truncated] = trainee.learner.state_values(reached).numpy()
    return values


def learn(trainee: Trainee) -> None:
    """Update the network on the rollout that was played; a lane whose loss is no finite number fails."""
    lane, learner, store = trainee.lane, trainee.learner, trainee.store
    rollout = store.rollout(last_values=learner.state_values(lane.stacks[store.playing]))
    frame_skip = lane.run.protocol.training.frame_skip
    first_step = lane.step - store.steps * lane.config.actors_a_rollout
    frames = RolloutFrames(first_step * frame_skip, (lane.step - 1) * frame_skip)
    try:
        learner.update(store.states, rollout, frames)
    except FloatingPointError as error:
        trainee.failure = f"{error} at step {lane.step:,}"


def learned_reward(result: StepResult, config: OnPolicyConfig) -> float:
    """Return what is learned from a step's summed reward."""
    return float(np.sign(result.reward)) if config.reward == "sign" else result.reward
