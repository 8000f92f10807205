"""The loop of agents that learn from each step and, between two steps, from those a model makes up: Dyna-Q, Dyna-Q+."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replication.environments.gridworlds.gridworld import Transitions, transitions_of
from replication.foundation.errors import ReplicationError
from replication.foundation.random_streams import named_stream
from replication.specification.families.tabular import DynaConfig
from replication.specification.protocols import GridworldPresentation
from replication.specification.run import Run
from replication.specification.tasks.gridworlds import Gridworld
from replication.training.tabular.choice import choose
from replication.training.tabular.playing import Played, Player


class PlanningAgent(NamedTuple):
    """An agent's settings, as the loop takes them."""

    step_size: float
    discount: float
    epsilon: float
    first: bool
    """Of several actions of the highest value the first is taken; False: each is as likely."""
    planning_steps: int
    """After each step."""
    bonus: float
    """kappa; above 0, actions that were never tried are planned with too."""


def player(run: Run, algorithm: ModuleType) -> Player:
    """Return how a run's agent plays, from a table of zeros and an empty model.

    Raises:
        ReplicationError: its protocol evaluates or cuts episodes, or its world is no gridworld of
            certain outcomes.
    """
    world, config = run.task, run.settings_as(DynaConfig)
    assert isinstance(run.protocol.training, GridworldPresentation)
    if not isinstance(world, Gridworld):
        raise ReplicationError(
            f"{run.name}: found a world of named states, expected a gridworld, in which Dyna-Q plans"
        )
    if run.protocol.final_evaluation is not None or run.protocol.training.episode_cap_steps is not None:
        raise ReplicationError(
            f"{run.name}: protocol {run.protocol.protocol}: found an evaluation or a cap on episodes, expected neither "
            "for an agent that plans; name learning_2018, episode_steps_2018 or steps_2018"
        )
    if len(world.gusts) > 1:
        raise ReplicationError(f"{run.name}: found wind that varies, expected certain outcomes, which a model can hold")
    before = transitions_of(world)
    after = transitions_of(world.after_change()) if world.changed_layout else before
    changes_after = world.changes_after_steps if world.changed_layout else -1
    values = np.zeros(before.reward.shape[:2])

    def play_for(purpose: str, episodes: int, steps: int, cap: int, epsilon: float, *, learns: bool) -> Played:
        agent = PlanningAgent(
            config.step_size, config.discount, epsilon, config.ties == "first", config.planning_steps, config.bonus
        )
        returns, lengths = np.zeros(episodes), np.zeros(episodes, np.int64)
        stream = named_stream(run.seed, world.name, purpose)
        functions = algorithm.td_error, algorithm.planned_reward
        ended = play(before, after, changes_after, values, *functions, agent, steps, returns, lengths, stream)
        return Played(returns[:ended], lengths[:ended])

    return play_for


@njit(nogil=True)  # compiled anew for each algorithm: numba caches no loop that is given a function
def play(
    before: Transitions,
    after: Transitions,
    changes_after_steps: int,
    values: NDArray[np.float64],
    td_error: Callable[..., float],
    planned_reward: Callable[..., float],
    agent: PlanningAgent,
    steps_in_all: int,
    returns: NDArray[np.float64],
    lengths: NDArray[np.int64],
    stream: np.random.Generator,
) -> int:
    """Play episodes, move values [states, actions] after each step and each planned one, and note what was earned.

    The model holds what each action led to when it was last taken. A planned step begins in a state that was visited,
    each as likely, with an action that was taken there, each as likely; where there is a bonus with any action, one
    that was never taken being thought to lead back to its state without reward.

    Args:
        before: the world, of certain outcomes.
        after: the world once it has changed.
        changes_after_steps: steps after which it changes, -1: never.
        values: float64 [states, actions].
        td_error: of the algorithm, compiled.
        planned_reward: of the algorithm, compiled.
        agent: its settings.
        steps_in_all: steps after which play ends, within an episode or not, -1: never.
        returns: float64 [episodes], to be filled.
        lengths: int64 [episodes], in steps, to be filled.
        stream: of all draws.

    Returns: the number of whole episodes.
    """
    states, actions = values.shape
    model_reached, model_reward = np.zeros((states, actions), np.int64), np.zeros((states, actions))
    taken_at, tried = np.zeros((states, actions), np.int64), np.zeros((states, actions), np.bool_)
    visited, seen, count, played = np.zeros(states, np.int64), np.zeros(states, np.bool_), 0, 0
    for state in range(states):
        model_reached[state] = state
    world = before
    for episode in range(len(returns)):
        state, steps, ended = world.start, 0, False
        while not ended:
            if played == steps_in_all:
                return episode
            if played == changes_after_steps:
                world = after
            action = choose(values[state], agent.epsilon, agent.first, stream)
            reached, reward = world.next_state[state, action, 0], world.reward[state, action, 0]
            ended = world.terminal[reached]
            discount = 0.0 if ended else agent.discount
            error = td_error(values[state], action, reward, discount, values[reached], -1, agent.epsilon)
            values[state, action] += agent.step_size * error
            played, steps = played + 1, steps + 1
            model_reached[state, action], model_reward[state, action] = reached, reward
            taken_at[state, action], tried[state, action] = played, True
            if not seen[state]:
                seen[state], visited[count] = True, state
                count += 1
            for _ in range(agent.planning_steps):
                s = visited[int(stream.random() * count)]
                a = _planned_action(tried[s], agent.bonus > 0.0, stream)
                r = planned_reward(model_reward[s, a], played - taken_at[s, a], agent.bonus)
                there = model_reached[s, a]
                discount = 0.0 if world.terminal[there] else agent.discount
                error = td_error(values[s], a, r, discount, values[there], -1, agent.epsilon)
                values[s, a] += agent.step_size * error
            returns[episode] += reward
            state = reached
        lengths[episode] = steps
    return len(returns)


@njit(cache=True, nogil=True)
def _planned_action(tried: NDArray[np.bool_], any_action: bool, stream: np.random.Generator) -> int:
    """Choose one of the actions that were tried, or any, each as likely."""
    if any_action:
        return int(stream.random() * len(tried))
    left = int(stream.random() * tried.sum())
    for action in range(len(tried)):
        if tried[action]:
            if left == 0:
                return action
            left -= 1
    return -1  # no action was tried there: a visited state has one
