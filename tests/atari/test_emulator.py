"""The emulator: settings, action sets, and states that continue bit for bit elsewhere (fidelity rows E2, E3, R5)."""

from __future__ import annotations

import numpy as np
import pytest

from replication.atari.emulator import AtariEmulator, Emulator, open_emulator, rom_md5
from replication.errors import ReplicationError
from replication.games import ATARI57

pytestmark = pytest.mark.rom

SAMPLE = ["pong", "qbert", "assault", "tennis"]


def _play(emulator: Emulator, start: int, frames: int, reset_at: int | None = None) -> list[tuple[object, ...]]:
    """Screens, memory, rewards, lives and endings of fixed random play from a frame number on."""
    codes = np.random.default_rng(7).choice(emulator.minimal_actions, size=5_000)
    screen = np.empty((210, 160), dtype=np.uint8)
    seen: list[tuple[object, ...]] = []
    for frame in range(start, start + frames):
        if emulator.game_over or frame == reset_at:
            emulator.reset()
        reward = emulator.act(int(codes[frame]))
        emulator.read_screen(screen)
        seen.append((reward, emulator.lives, emulator.game_over, screen.tobytes(), emulator.ram().tobytes()))
    return seen


def _continues_exactly(game: str, played: int) -> None:
    one = open_emulator(game)
    one.reset()
    _play(one, 0, played)
    state = one.save()
    expected = _play(one, played, 300, reset_at=played + 150)
    other = open_emulator(game)
    other.restore(state)
    assert _play(other, played, 300, reset_at=played + 150) == expected


@pytest.mark.parametrize("game", SAMPLE)
def test_a_saved_game_continues_exactly_in_a_fresh_emulator_through_a_reset(game: str) -> None:
    _continues_exactly(game, 200)


@pytest.mark.parametrize("game", SAMPLE)
def test_a_game_saved_right_after_a_reset_continues_exactly(game: str) -> None:
    _continues_exactly(game, 0)


@pytest.mark.slow
@pytest.mark.parametrize("game", ATARI57)
def test_every_game_continues_exactly(game: str) -> None:
    for played in (0, 1, 500):
        _continues_exactly(game, played)


def test_e2_the_emulator_adds_no_noise_and_skips_no_frame() -> None:
    emulator = AtariEmulator("pong")
    ale = emulator._ale
    assert ale.getFloat("repeat_action_probability") == 0.0
    assert ale.getInt("frame_skip") == 1
    assert ale.getInt("max_num_frames_per_episode") == 0
    one, other = (_play(AtariEmulator("pong"), 0, 100) for _ in range(2))
    assert one == other


def test_e3_pong_has_six_actions_here_and_three_in_the_original() -> None:
    assert AtariEmulator("pong").minimal_actions == (0, 1, 3, 4, 11, 12)


def test_a_missing_rom_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    from replication.atari import emulator

    monkeypatch.setattr(emulator.roms, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(ReplicationError, match=r"pong\.bin: the ROM of pong is missing; install ale-py again"):
        open_emulator("pong")
    assert len(rom_md5("catch")) == 32


def test_r5_the_rom_is_identified() -> None:
    assert rom_md5("pong") == "60e0ea3cbe0913d39803477945e9e5ec"
