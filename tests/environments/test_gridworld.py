"""The compiled transitions of gridworlds, beside a walk through their layouts that shares no code with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from replication.environments.gridworlds.gridworld import transitions_of
from replication.specification.tasks.gridworlds import CLIFF_WALKING, GRIDWORLDS, Gridworld

WALLED = replace(CLIFF_WALKING, name="walled", layout=("G.#C", ".S#G", "...C"), step_reward=-2.0, cliff_reward=-7.0)


def walk(world: Gridworld, row: int, column: int, action: str) -> tuple[int, int, float, bool]:
    """Return row, column, reward and whether the episode ends, of a step from a cell."""
    at_row = row - 1 if action == "up" else row + 1 if action == "down" else row
    at_column = column - 1 if action == "left" else column + 1 if action == "right" else column
    outside = at_row in (-1, len(world.layout)) or at_column in (-1, len(world.layout[row]))
    if outside or world.layout[at_row][at_column] == "#":
        at_row, at_column = row, column
    sign = world.layout[at_row][at_column]
    if sign == "C":
        for number, line in enumerate(world.layout):
            if "S" in line:
                return number, line.find("S"), world.cliff_reward, False
    return at_row, at_column, world.step_reward, sign == "G"


@pytest.mark.parametrize("world", [*GRIDWORLDS.values(), WALLED], ids=lambda world: world.name)
def test_every_transition_is_that_of_a_plain_walk(world: Gridworld) -> None:
    found, width = transitions_of(world), len(world.layout[0])
    assert divmod(found.start, width) == next((i, line.find("S")) for i, line in enumerate(world.layout) if "S" in line)
    assert found.reward.shape == (len(world.layout) * width, 4, 1)
    for state in range(len(world.layout) * width):
        for action, name in enumerate(("up", "right", "down", "left")):
            row, column, reward, ends = walk(world, *divmod(state, width), name)
            reached = found.next_state[state, action, 0]
            here = (reached, found.reward[state, action, 0], found.terminal[reached])
            assert here == (row * width + column, reward, ends), (state, name)


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
