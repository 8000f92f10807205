"""One game on the emulator: straight on ale-py's ALEInterface, never through a registry id."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import numpy as np
from ale_py import ALEInterface, ALEState, LoggerMode, roms
from numpy.typing import NDArray

from replication.environments.atari.toy_console import ToyConsole, source_md5
from replication.environments.contract import ActionCodec, DiscreteActions, Simulator
from replication.foundation.errors import ReplicationError
from replication.specification.tasks.atari_games import find_game

RANDOM_SEED = 1
"""Of the emulator's own generator, which nothing here draws from: stickiness is ours."""

STATE_FORMAT = 2
RESET = 255
"""Stands for a press of the reset switch among action codes (0..17) in a saved state."""
SNAPSHOT_PERIOD_FRAMES = 60


class Emulator(Simulator, Protocol):
    """A console with one game: what every game looks like from above. A step is a frame (1/60 s), an action a code."""

    game: str
    minimal_actions: tuple[int, ...]
    """ALE's action codes, in the emulator's order; the first is the no-op."""

    @property
    def lives(self) -> int:
        """Lives left; 0 where the game has none."""

    def reset(self, *, cold: bool = False) -> None:
        """Press the reset switch. What the console's memory held stays, and ten games begin differently by it.

        Args: `cold` switches the console off and on before: nothing that was played reaches what comes.
        """

    def act(self, action_code: int, /) -> int: ...

    def read_screen(self, out: NDArray[np.uint8]) -> None:
        """Copy the screen into `out`: palette indices (even, 0..254), uint8 [210, 160]."""

    def ram(self) -> NDArray[np.uint8]:
        """Return the console's memory, uint8 [128]."""


class ForwardingSimulator:
    """An emulator that passes everything on to another one; a subclass adds what it does on the way."""

    def __init__(self, emulator: Emulator) -> None:
        self.game = emulator.game
        self.minimal_actions = emulator.minimal_actions
        self._emulator = emulator
        self._act = emulator.act

    @property
    def lives(self) -> int:
        return self._emulator.lives

    @property
    def fingerprint(self) -> Mapping[str, str]:
        return self._emulator.fingerprint

    @property
    def actions(self) -> ActionCodec:
        return self._emulator.actions

    @property
    def terminated(self) -> bool:
        return self._emulator.terminated

    def reset(self, *, cold: bool = False) -> None:
        self._emulator.reset(cold=cold)

    def act(self, action_code: int, /) -> int:
        return self._act(action_code)

    def read_screen(self, out: NDArray[np.uint8]) -> None:
        self._emulator.read_screen(out)

    def ram(self) -> NDArray[np.uint8]:
        return self._emulator.ram()

    def state_digest(self) -> str:
        return self._emulator.state_digest()

    def save(self) -> bytes:
        return self._emulator.save()

    def restore(self, state: bytes) -> None:
        self._emulator.restore(state)


class AtariEmulator:
    """ale-py, one frame at a time, without stickiness, frame skip or cap of its own.

    A saved state is a snapshot that is at least SNAPSHOT_PERIOD_FRAMES old and what was given since: ale-py's own
    snapshot lacks what the video chip has latched. Restored alone, it shows another screen until the next frame, Yars'
    Revenge draws a missile elsewhere in that frame, and Q*bert, on a console that stood elsewhere in its picture, lags
    by a frame for ever. Playing the last second again sets all of it.
    """

    def __init__(self, game: str) -> None:
        """Power on.

        Raises:
            ReplicationError: no such game; its ROM is missing or another one.
        """
        self.game = find_game(game).name
        self._ale = _powered_on(self.game)
        self._at_power_on = self._ale.cloneState()
        self.minimal_actions = tuple(int(action.value) for action in self._ale.getMinimalActionSet())
        self._older: ALEState | None = None  # None: the state at power-on
        self._newer: ALEState | None = None
        self._since_older, self._since_newer = bytearray(), bytearray()

    @property
    def lives(self) -> int:
        return self._ale.lives()

    @property
    def fingerprint(self) -> Mapping[str, str]:
        return {"rom_md5": rom_md5(self.game), "ale_py_version": version("ale-py")}

    @property
    def actions(self) -> ActionCodec:
        return DiscreteActions(codes=self.minimal_actions)

    @property
    def terminated(self) -> bool:
        return self._ale.game_over(with_truncation=False)

    def reset(self, *, cold: bool = False) -> None:
        if cold:
            # Ale-py takes a fifth of a second to load a game. Its snapshot lacks what the video chip has latched, but
            # the reset that follows sets all of it: the frames of all 57 games are those of a console just opened.
            self._ale.restoreState(self._at_power_on)
            self._older = self._newer = None
            self._since_older, self._since_newer = bytearray(), bytearray()
        self._ale.reset_game()
        self._since_newer.append(RESET)

    def act(self, action_code: int, /) -> int:
        reward = self._ale.act(action_code)
        self._since_newer.append(action_code)
        if len(self._since_newer) >= SNAPSHOT_PERIOD_FRAMES:
            self._older, self._since_older = self._newer, self._since_newer
            self._newer, self._since_newer = self._ale.cloneState(), bytearray()
        return reward

    def read_screen(self, out: NDArray[np.uint8]) -> None:
        self._ale.getScreen(out)

    def ram(self) -> NDArray[np.uint8]:
        return self._ale.getRAM()

    def state_digest(self) -> str:
        return hashlib.sha256(self.save()).hexdigest()[:16]

    def save(self) -> bytes:
        given = self._since_older + self._since_newer
        snapshot = b"" if self._older is None else bytes(self._older.serialize())
        return bytes([STATE_FORMAT]) + len(given).to_bytes(4, "little") + given + snapshot

    def restore(self, state: bytes) -> None:
        """Power off and on, and continue where `save` was called.

        Raises:
            ReplicationError: the state is of another format.
        """
        if state[0] != STATE_FORMAT:
            raise ReplicationError(
                f"{self.game}: saved state of the emulator: found format {state[0]}, expected {STATE_FORMAT}; another "
                "version of this program wrote it: continue with that one, or delete the run's state to start again"
            )
        length = int.from_bytes(state[1:5], "little")
        given, snapshot = state[5 : 5 + length], state[5 + length :]
        self._ale = _powered_on(self.game)
        self._since_older, self._since_newer = bytearray(), bytearray()
        self._older = self._newer = ALEState(snapshot) if snapshot else None
        if self._newer is not None:
            self._ale.act(0)  # snapshots are taken after a frame: stand within the picture where it leaves the console
            self._ale.restoreState(self._newer)
        for code in given:
            if code == RESET:
                self.reset()
            else:
                self.act(code)


class _ReplayConsole(AtariEmulator):
    """A console that plays what is written down, from power-on on: it takes no snapshots and cannot be saved.

    A snapshot takes as long as half a frame, and a call from Python a thousandth of one.
    """

    def power_on(self) -> None:
        """Power off and on: what follows the next reset is what it would be on a console just opened."""
        self._ale.restoreState(self._at_power_on)

    def reset(self, *, cold: bool = False) -> None:
        if cold:
            self.power_on()
        self._ale.reset_game()

    def act(self, action_code: int, /) -> int:
        return self._ale.act(action_code)

    def save(self) -> bytes:
        raise NotImplementedError("a trace is played from power-on to its end")

    def restore(self, state: bytes) -> None:
        raise NotImplementedError("a trace is played from power-on to its end")


def replay_console(game: str) -> Emulator:
    """Power on a console to play a trace on, by the game's ROM name; `catch` is the toy game. It cannot be saved.

    The console of the game played last is kept, since ale-py takes a fifth of a second to load a game: of two that are
    asked for by one name, the first is no longer to be played on.

    Raises:
        ReplicationError: no such game, or its ROM is missing.
    """
    if find_game(game).name == ToyConsole.game:
        return ToyConsole()
    console = _console_in_use(find_game(game).name)
    console.power_on()
    return console


@lru_cache(maxsize=1)
def _console_in_use(game: str) -> _ReplayConsole:
    return _ReplayConsole(game)


def open_emulator(game: str) -> Emulator:
    """Power on a fresh console with a game, by its ROM name; `catch` is the toy game.

    Raises:
        ReplicationError: no such game, or its ROM is missing.
    """
    return ToyConsole() if find_game(game).name == ToyConsole.game else AtariEmulator(game)


def emulator_digests(emulator: Emulator) -> tuple[str, str]:
    """Return the first 16 hexadecimal digits of the SHA-256 of the screen (palette indices) and of the memory."""
    screen = np.empty((210, 160), dtype=np.uint8)
    emulator.read_screen(screen)
    first, second = (hashlib.sha256(content.tobytes()).hexdigest()[:16] for content in (screen, emulator.ram()))
    return first, second


def rom_md5(game: str) -> str:
    """Compute the MD5 of the ROM, 32 hexadecimal digits; of the toy game, that of its source.

    Raises:
        ReplicationError: no such game; its ROM is missing or another one.
    """
    if find_game(game).name == ToyConsole.game:
        return source_md5()
    return hashlib.md5(_rom_path(game).read_bytes()).hexdigest()


def _powered_on(game: str) -> ALEInterface:
    ALEInterface.setLoggerMode(LoggerMode.Error)
    ale = ALEInterface()
    ale.setInt("random_seed", RANDOM_SEED)
    ale.setFloat("repeat_action_probability", 0.0)
    ale.setInt("frame_skip", 1)
    ale.setInt("max_num_frames_per_episode", 0)
    ale.setBool("color_averaging", False)
    ale.loadROM(_rom_path(game))
    return ale


def _rom_path(game: str) -> Path:
    """Find the ROM that ale-py brings, and check that every result here was made with it."""
    name = find_game(game).name
    path = Path(roms.__file__).parent / f"{name}.bin"
    if not path.is_file():
        raise ReplicationError(f"{path}: the ROM of {name} is missing; install ale-py again, which brings it")
    found, expected = hashlib.md5(path.read_bytes()).hexdigest(), known_rom_md5s()[name]
    if found != expected:
        raise ReplicationError(f"{path}: the ROM of {name} has MD5 {found}, expected {expected}; install ale-py again")
    return path


@cache
def known_rom_md5s() -> dict[str, str]:
    """Read the MD5 of the ROM of each of the 57 games, as ale-py 0.12.1 brings them."""
    with (Path(__file__).resolve().parent / "rom_md5.csv").open(newline="") as file:
        return {row["game"]: row["md5"] for row in csv.DictReader(file)}
