"""A pixel problem that is played, not remembered: a corridor of two cells with a door into one of two rooms.

    start   left: ends with 0.25    right: to the hall
    hall    left: to the start      right: into a room, the one and the other in turn
    bright  left: ends with 1       right: ends with 0
    dark    left: ends with -0.5    right: ends with 0.2

Now and then a trajectory that could go on is cut, as by a cap on its length. With a discount of 0.8 the best values are
1 and 0.2 in the rooms, 0.8 (1 + 0.2) / 2 = 0.48 in the hall and 0.384 at the start, where right beats the 0.25: not so
where a cut is taken for an end, where the values at the end of a rollout are missing, or where an end is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replication.algorithms.policy_networks import Spaces
from replication.environments.contract import StepResult

LEFT, RIGHT = 0, 1
START, HALL, BRIGHT, DARK = range(4)
ENDS = {(START, LEFT): 0.25, (BRIGHT, LEFT): 1.0, (BRIGHT, RIGHT): 0.0, (DARK, LEFT): -0.5, (DARK, RIGHT): 0.2}
DISCOUNT = 0.8
VALUES = np.array([0.384, 0.48, 1.0, 0.2])
BEST = [RIGHT, RIGHT, LEFT, RIGHT]


def screens() -> NDArray[np.uint8]:
    """What the four states look like, uint8 [4, 84, 84, 1]: a bar that stands further right in each."""
    found = np.zeros((4, 84, 84, 1), dtype=np.uint8)
    for state in range(4):
        found[state, 12:72, 8 + 18 * state : 22 + 18 * state] = 255
    return found


class Corridors:
    """As many corridors as there are actors: to a training loop what a lane is."""

    spaces = Spaces(2)

    def __init__(self, config: Any, seed: int, cut_probability: float = 0.3) -> None:
        self.config = config
        self._cut_probability = cut_probability
        self.step = 0
        self.streams = {name: np.random.default_rng([seed, i]) for i, name in enumerate(NAMES)}
        self.actors = range(config.num_actors)
        self.next_to_play = slice(config.num_actors)
        self._stream, self._screens = np.random.default_rng([seed, 99]), screens()
        self._states = [START] * config.num_actors
        self._room = BRIGHT
        self.stacks = self._screens[self._states]

    def play(self, actions: NDArray[np.int64], playing: slice) -> list[StepResult]:
        self.step += len(self.actors)
        return [self._play(actor, int(action)) for actor, action in zip(self.actors, actions, strict=True)]

    def begin_again(self, ended: Sequence[bool], playing: slice) -> None:
        for actor in np.flatnonzero(ended):
            self._enter(actor, int(self._stream.integers(4)))

    def _play(self, actor: int, action: int) -> StepResult:
        state = self._states[actor]
        if (state, action) in ENDS:
            return StepResult(ENDS[state, action], True, False)
        into_room = state == HALL and action == RIGHT
        if into_room:
            self._room = BRIGHT + DARK - self._room
        self._enter(actor, self._room if into_room else HALL - state)
        return StepResult(0.0, False, bool(self._stream.random() < self._cut_probability))

    def _enter(self, actor: int, state: int) -> None:
        self._states[actor] = state
        self.stacks[actor] = self._screens[state]


NAMES = ("initialisation", "exploration", "minibatches")
