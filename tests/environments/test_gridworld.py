"""The compiled transitions of gridworlds, beside a walk through their layouts that shares no code with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from replication.environments.gridworlds.gridworld import transitions_of
from replication.specification.tasks.gridworlds import CLIFF_WALKING, GRIDWORLDS, Gridworld

WALLED = replace(CLIFF_WALKING, name="walled", layout=("G.#C", ".S#G", "...C"), step_reward=-2.0, cliff_reward=-7.0)


def walk(world: Gridworld, row: int, column: int, move: tuple[int, int], gust: int) -> tuple[int, int, float, bool]:
    """Return row, column, reward and whether the episode ends, of a step from a cell."""
    at_row, at_column = row + move[0], column + move[1]
    if world.wind and world.wind[column]:
        at_row -= world.wind[column] + gust
    height, width = len(world.layout), len(world.layout[0])
    if world.wind:  # one movement, which ends at the edges
        at_row, at_column = sorted((0, at_row, height - 1))[1], sorted((0, at_column, width - 1))[1]
    elif not (0 <= at_row < height and 0 <= at_column < width) or world.layout[at_row][at_column] == "#":
        at_row, at_column = row, column
    sign = world.layout[at_row][at_column]
    if sign == "C":
        for number, line in enumerate(world.layout):
            if "S" in line:
                return number, line.find("S"), world.cliff_reward, False
    reward = world.goal_reward if sign == "G" and world.goal_reward is not None else world.step_reward
    return at_row, at_column, reward, sign == "G"


UP, RIGHT, DOWN, LEFT = (-1, 0), (0, 1), (1, 0), (0, -1)
CHANGED = [world.after_change() for world in GRIDWORLDS.values() if world.changed_layout]


@pytest.mark.parametrize("world", [*GRIDWORLDS.values(), *CHANGED, WALLED], ids=lambda world: world.title)
def test_every_transition_is_that_of_a_plain_walk(world: Gridworld) -> None:
    found, width = transitions_of(world), len(world.layout[0])
    kings = len(world.moves) > 4
    moves = [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if r or c] if kings else [UP, RIGHT, DOWN, LEFT]
    moves += [(0, 0)] * (len(world.moves) - len(moves))
    gusts = (-1, 0, 1) if world.wind_varies else (0,)
    assert divmod(found.start, width) == next((i, line.find("S")) for i, line in enumerate(world.layout) if "S" in line)
    assert found.reward.shape == (len(world.layout) * width, len(moves), len(gusts))
    for state, action, outcome in np.ndindex(found.reward.shape):
        row, column, reward, ends = walk(world, *divmod(state, width), moves[action], gusts[outcome])
        reached = found.next_state[state, action, outcome]
        here = (reached, found.reward[state, action, outcome], found.terminal[reached])
        assert here == (row * width + column, reward, ends), (state, action, outcome)


def returned(world: Gridworld, actions: Sequence[int]) -> tuple[float, bool]:
    """Return the sum of rewards of these actions from the start, and whether the last ended the episode."""
    found = transitions_of(world)
    state, total, ends = found.start, 0.0, False
    for action in actions:
        assert not ends
        total, state = total + found.reward[state, action, 0], int(found.next_state[state, action, 0])
        ends = bool(found.terminal[state])
    return float(total), ends


def test_the_paths_along_the_cliff_return_what_the_book_s_exact_values_say() -> None:
    for up, total in ((1, -13.0), (2, -15.0), (3, -17.0)):
        assert returned(CLIFF_WALKING, [0] * up + [1] * 11 + [2] * up) == (total, True)
    # A fall costs 100, and the episode goes on from the start.
    assert returned(CLIFF_WALKING, [1, *[0], *[1] * 11, 2]) == (-113.0, True)
    assert returned(CLIFF_WALKING, [3, 2]) == (-2.0, False)


def test_the_tables_are_computed_once() -> None:
    assert transitions_of(CLIFF_WALKING) is transitions_of(CLIFF_WALKING)
    assert np.array_equal(transitions_of(CLIFF_WALKING).reward, transitions_of(replace(CLIFF_WALKING, name="a")).reward)
