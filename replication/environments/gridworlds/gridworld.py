"""A gridworld as tables of transitions, which compiled loops walk through."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from replication.specification.tasks.gridworlds import Gridworld


class Transitions(NamedTuple):
    """What each action does in each state, with outcomes that are equally likely.

    A state of a gridworld is a cell, numbered line by line from the highest.
    """

    next_state: NDArray[np.int64]
    """int64 [states, actions, outcomes]."""
    reward: NDArray[np.float64]
    """float64 [states, actions, outcomes]."""
    terminal: NDArray[np.bool_]
    """bool [states]; True where the episode has ended."""
    start: int
    """The state in which episodes start."""


@cache
def transitions_of(world: Gridworld) -> Transitions:
    """Compute the tables of a gridworld, once; they must not be written to."""
    layout = world.layout
    rows, columns = len(layout), len(layout[0])
    shape = (rows * columns, len(world.moves), len(world.gusts))
    next_state = np.empty(shape, dtype=np.int64)
    reward = np.full(shape, world.step_reward)
    for state, action, outcome in np.ndindex(shape):
        row, column = divmod(state, columns)
        row, column = world.neighbour(row, column, world.moves[action], world.gusts[outcome])
        if layout[row][column] == "C":
            reward[state, action, outcome] = world.cliff_reward
            row, column = world.start
        elif layout[row][column] == "G" and world.goal_reward is not None:
            reward[state, action, outcome] = world.goal_reward
        next_state[state, action, outcome] = row * columns + column
    terminal = np.array([sign == "G" for line in layout for sign in line])
    start_row, start_column = world.start
    return Transitions(next_state, reward, terminal, start_row * columns + start_column)
