"""Catch: a toy game with the emulator's interface, for tests and for trying an algorithm out in seconds.

A ball falls; the paddle at the bottom must be under it. A miss costs one of three lives; ten balls are a game.
"""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

RIGHT, LEFT = 3, 4
BALLS, LIVES = 10, 3
BALL_PIXELS, PADDLE_PIXELS = 16, 32
FALL_PIXELS, MOVE_PIXELS = 10, 8
FLOOR_PIXELS = 190
BACKGROUND, BALL, PADDLE = 0, 14, 70


class Catch:
    """One point a ball caught. The balls' columns follow from a counter that goes on through resets."""

    game: str = "catch"
    minimal_actions: tuple[int, ...] = (0, RIGHT, LEFT)

    def __init__(self) -> None:
        self._seed = 1
        self.reset()

    @property
    def lives(self) -> int:
        """What is left of three."""
        return self._lives

    @property
    def game_over(self) -> bool:
        """After ten balls or three misses."""
        return self._lives == 0 or self._balls == BALLS

    def reset(self) -> None:
        self._lives, self._balls, self._paddle = LIVES, 0, 64
        self._drop()

    def act(self, action_code: int) -> int:
        if self.game_over:
            return 0
        self._paddle += MOVE_PIXELS * ((action_code == RIGHT) - (action_code == LEFT))
        self._paddle = min(max(self._paddle, 0), 160 - PADDLE_PIXELS)
        self._height += FALL_PIXELS
        if self._height < FLOOR_PIXELS:
            return 0
        caught = self._column + BALL_PIXELS > self._paddle and self._column < self._paddle + PADDLE_PIXELS
        self._balls += 1
        self._lives -= not caught
        self._drop()
        return int(caught)

    def read_screen(self, out: NDArray[np.uint8]) -> None:
        out[:] = BACKGROUND
        out[self._height : self._height + BALL_PIXELS, self._column : self._column + BALL_PIXELS] = BALL
        out[FLOOR_PIXELS : FLOOR_PIXELS + 10, self._paddle : self._paddle + PADDLE_PIXELS] = PADDLE

    def ram(self) -> NDArray[np.uint8]:
        memory = np.zeros(128, dtype=np.uint8)
        content = self.save()
        memory[: len(content)] = np.frombuffer(content, dtype=np.uint8)
        return memory

    def save(self) -> bytes:
        return json.dumps([self._seed, self._lives, self._balls, self._paddle, self._column, self._height]).encode()

    def restore(self, state: bytes) -> None:
        self._seed, self._lives, self._balls, self._paddle, self._column, self._height = json.loads(state)

    def _drop(self) -> None:
        """A new ball at the top; a linear congruential generator says where."""
        self._seed = (1_103_515_245 * self._seed + 12_345) % 2**31
        self._column = (self._seed >> 8) % (160 - BALL_PIXELS)
        self._height = 0
