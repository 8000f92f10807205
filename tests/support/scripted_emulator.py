"""A console that follows a script and notes what it is given, and a game presented on it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from replication.environments.atari.presentation import PresentedGame
from replication.specification.protocols import Presentation


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
    def terminated(self) -> bool:
        return self._over_at is not None and self.frame >= self._over_at

    def reset(self, *, cold: bool = False) -> None:
        self.given.append("reset")
        self.frame = 0

    def act(self, action_code: int) -> int:
        assert not self.terminated, "a frame was played after the game was over"
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


PLAIN = Presentation(
    frame_skip=4,
    sticky_probability=0.0,
    life_loss_ends_trajectory=False,
    noops_after_game_over_frames=None,
    noops_after_life_loss_frames=None,
    episode_cap_frames=None,
)


class Painted:
    """Notes which frames were painted, and when the ring was cleared."""

    def __init__(self) -> None:
        self.log: list[str | int] = []

    def clear(self) -> None:
        self.log.append("clear")

    def paint(self, emulator: ScriptedConsole, repeat_index: int | None, *, stopped: bool = False) -> None:
        self.log.append(emulator.frame)

    def grab(self, out: np.ndarray) -> None:
        out[:] = 0

    def state(self) -> dict:
        return {}

    def restore(self, state: dict) -> None:
        pass


def present(console, shown=PLAIN, *, skip: int = 4, pipeline=None, seed: int = 0) -> PresentedGame:
    streams = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    return PresentedGame(console, shown, pipeline or Painted(), skip, *streams)
