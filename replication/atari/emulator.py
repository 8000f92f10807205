"""One game on the emulator: straight on ale-py's ALEInterface, never through a registry id."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Protocol

import numpy as np
from ale_py import ALEInterface, ALEState, LoggerMode, roms
from numpy.typing import NDArray

from replication.atari import toy_game
from replication.errors import ReplicationError
from replication.games import find_game

RANDOM_SEED = 1
"""Of the emulator's own generator, which nothing here draws from: stickiness is ours."""


class Emulator(Protocol):
    """A console with one game: what every game looks like from above."""

    game: str
    minimal_actions: tuple[int, ...]
    """ALE's action codes, in the emulator's order; the first is the no-op."""

    @property
    def lives(self) -> int:
        """Lives left; 0 where the game has none."""

    @property
    def game_over(self) -> bool:
        """Whether the game has ended, by its own rules."""

    def reset(self) -> None:
        """Press the reset switch. What the console's memory held stays, and ten games begin differently by it."""

    def act(self, action_code: int) -> int:
        """Play one emulator frame (1/60 s).

        Returns: the raw reward.
        """

    def read_screen(self, out: NDArray[np.uint8]) -> None:
        """Copy the screen into `out`: palette indices (even, 0..254), uint8 [210, 160]."""

    def ram(self) -> NDArray[np.uint8]:
        """The console's memory, uint8 [128]."""

    def save(self) -> bytes:
        """The whole state; continues bit for bit in another process."""

    def restore(self, state: bytes) -> None:
        """Continue where `save` was called."""


class AtariEmulator:
    """ale-py, one frame at a time, without stickiness, frame skip or cap of its own."""

    def __init__(self, game: str) -> None:
        """Power on.

        Raises:
            ReplicationError: no such game, or its ROM is missing.
        """
        ALEInterface.setLoggerMode(LoggerMode.Error)
        ale = ALEInterface()
        ale.setInt("random_seed", RANDOM_SEED)
        ale.setFloat("repeat_action_probability", 0.0)
        ale.setInt("frame_skip", 1)
        ale.setInt("max_num_frames_per_episode", 0)
        ale.setBool("color_averaging", False)
        ale.loadROM(_rom_path(game))
        self.game = game
        self.minimal_actions = tuple(int(action.value) for action in ale.getMinimalActionSet())
        self._ale = ale
        self._has_played = False

    @property
    def lives(self) -> int:
        return self._ale.lives()

    @property
    def game_over(self) -> bool:
        return self._ale.game_over(with_truncation=False)

    def reset(self) -> None:
        self._ale.reset_game()
        self._has_played = False

    def act(self, action_code: int) -> int:
        self._has_played = True
        return self._ale.act(action_code)

    def read_screen(self, out: NDArray[np.uint8]) -> None:
        self._ale.getScreen(out)

    def ram(self) -> NDArray[np.uint8]:
        return self._ale.getRAM()

    def save(self) -> bytes:
        return bytes([self._has_played]) + self._ale.cloneState().serialize()

    def restore(self, state: bytes) -> None:
        # Whether the console stands within a screen is not part of the emulator's state: it does once it has played a
        # frame since its reset. Q*bert, restored on a console that differs in this, lags by a frame for ever.
        self._has_played = bool(state[0])
        if self._has_played:
            self._ale.act(0)
        else:
            self._ale.reset_game()
        self._ale.restoreState(ALEState(state[1:]))


def open_emulator(game: str) -> Emulator:
    """A fresh console with a game, by its ROM name; `catch` is the toy game.

    Raises:
        ReplicationError: no such game, or its ROM is missing.
    """
    return toy_game.Catch() if find_game(game).name == toy_game.Catch.game else AtariEmulator(game)


def rom_md5(game: str) -> str:
    """32 hexadecimal digits; of the toy game, of its source.

    Raises:
        ReplicationError: no such game, or its ROM is missing.
    """
    path = Path(toy_game.__file__) if find_game(game).name == toy_game.Catch.game else _rom_path(game)
    return hashlib.md5(path.read_bytes()).hexdigest()


def _rom_path(game: str) -> Path:
    name = find_game(game).name
    path = Path(roms.__file__).parent / f"{name}.bin"
    if not path.is_file():
        raise ReplicationError(f"{path}: the ROM of {name} is missing; install ale-py again, which brings it")
    return path
