"""A gridworld as tables of transitions, which compiled loops walk through."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from replication.specification.tasks.gridworlds import ACTIONS, Gridworld


class Transitions(NamedTuple):
    """What each action does in each state. A state is a cell, numbered line by line from the highest."""

    next_state: NDArray[np.int64]
    """int64 [states, actions]."""
    reward: NDArray[np.float64]
    """float64 [states, actions]."""
    terminal: NDArray[np.bool_]
    """bool [states, actions]; True where the episode ends with it."""
    start: int
    """The state in which episodes start."""


@cache
def transitions_of(world: Gridworld) -> Transitions:
    """Compute the tables of a gridworld, once; they must not be written to."""
    rows, columns = len(world.layout), len(world.layout[0])
    shape = (rows * columns, len(ACTIONS))
    next_state = np.empty(shape, dtype=np.int64)
    reward = np.full(shape, world.step_reward)
    terminal = np.zeros(shape, dtype=np.bool_)
    for state, action in np.ndindex(shape):
        step = list(ACTIONS.values())[action]
        row, column = divmod(state, columns)
        row, column = world.neighbour(row, column, step)
        terminal[state, action] = world.layout[row][column] == "G"
        if world.layout[row][column] == "C":
            reward[state, action] = world.cliff_reward
            row, column = world.start
        next_state[state, action] = row * columns + column
    start_row, start_column = world.start
    return Transitions(next_state, reward, terminal, start_row * columns + start_column)
