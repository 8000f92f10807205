"""A gridworld, or another world of a few states, as tables of transitions, which compiled loops walk through."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from replication.specification.tasks.gridworlds import Gridworld
from replication.specification.tasks.small_mdps import SmallMdp

TabularWorld = Gridworld | SmallMdp
"""A world that can be written as tables of transitions."""


class Transitions(NamedTuple):
    """What each action does in each state, with outcomes that are equally likely.

    A state of a gridworld is a cell, numbered line by line from the highest.
    """

    next_state: NDArray[np.int64]
    """int64 [states, actions, outcomes]; of actions that a state does not have, the state itself."""
    reward: NDArray[np.float64]
    """float64 [states, actions, outcomes]: the mean."""
    deviation: NDArray[np.float64]
    """float64 [states, actions, outcomes]: of a normal distribution; 0: the reward is certain."""
    terminal: NDArray[np.bool_]
    """bool [states]; True where the episode has ended."""
    actions: NDArray[np.int64]
    """int64 [states]: how many there are, from the first on; at least 1."""
    start: int
    """The state in which episodes start."""


@cache
def transitions_of(world: TabularWorld) -> Transitions:
    """Compute the tables of a world, once; they must not be written to."""
    return _of_cells(world) if isinstance(world, Gridworld) else _of_named_states(world)


def _of_cells(world: Gridworld) -> Transitions:
    layout = world.layout
    rows, columns = len(layout), len(layout[0])
    shape = (rows * columns, len(world.moves), len(world.gusts))
    next_state = np.empty(shape, dtype=np.int64)
    reward = np.full(shape, world.step_reward)
    for state, action, outcome in np.ndindex(shape):
        row, column = divmod(state, columns)
        row, column = world.neighbor(row, column, world.moves[action], world.gusts[outcome])
        if layout[row][column] == "C":
            reward[state, action, outcome] = world.cliff_reward
            row, column = world.start
        elif layout[row][column] == "G" and world.goal_reward is not None:
            reward[state, action, outcome] = world.goal_reward
        next_state[state, action, outcome] = row * columns + column
    terminal = np.array([sign == "G" for line in layout for sign in line])
    start_row, start_column = world.start
    actions = np.full(shape[0], shape[1])
    return Transitions(next_state, reward, np.zeros(shape), terminal, actions, start_row * columns + start_column)


def _of_named_states(world: SmallMdp) -> Transitions:
    places = {state.name: place for place, state in enumerate(world.states)}
    shape = (len(places), max(len(state.steps) for state in world.states), 1)
    next_state = np.broadcast_to(np.arange(shape[0])[:, None, None], shape).copy()
    reward, deviation = np.zeros(shape), np.zeros(shape)
    for place, state in enumerate(world.states):
        for action, step in enumerate(state.steps):
            next_state[place, action], reward[place, action] = places[step.to], step.reward
            deviation[place, action] = step.deviation
    terminal = np.array([not state.steps for state in world.states])
    actions = np.array([max(1, len(state.steps)) for state in world.states])
    return Transitions(next_state, reward, deviation, terminal, actions, 0)
