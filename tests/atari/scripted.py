"""A console that follows a script and notes what it is given."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


class ScriptedConsole:
    """Rewards, lives and the end of the game as functions of the frames since the last reset."""

    game = "scripted"

    def __init__(
        self,
        *,
        reward: Callable[[int], int] = lambda frame: 0,
        lives: Callable[[int], int] = lambda frame: 3,
        over_at: int | None = None,
        num_actions: int = 4,
    ) -> None:
        self.minimal_actions = tuple(range(num_actions))
        self.given: list[int | str] = []
        self.frame = 0
        self._reward, self._lives, self._over_at = reward, lives, over_at

    @property
    def lives(self) -> int:
        return self._lives(self.frame)

    @property
    def game_over(self) -> bool:
        return self._over_at is not None and self.frame >= self._over_at

    def reset(self) -> None:
        self.given.append("reset")
        self.frame = 0

    def act(self, action_code: int) -> int:
        assert not self.game_over, "a frame was played after the game was over"
        self.given.append(action_code)
        self.frame += 1
        return self._reward(self.frame)

    def read_screen(self, out: NDArray[np.uint8]) -> None:
        """A screen that tells its frame: the palette index is twice the frame's number."""
        out[:] = 2 * (self.frame % 128)

    def ram(self) -> NDArray[np.uint8]:
        return np.zeros(128, dtype=np.uint8)

    def save(self) -> bytes:
        return str(self.frame).encode()

    def restore(self, state: bytes) -> None:
        self.frame = int(state)
