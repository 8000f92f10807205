"""The emulator: settings, action sets, and states that continue bit for bit elsewhere (fidelity rows E2, E3, R5)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from replication.environments.atari.emulator import AtariEmulator, Emulator, open_emulator, replay_console, rom_md5
from replication.foundation.errors import ReplicationError
from replication.specification.tasks.atari_games import ATARI57, NATURE49
from tests.support.continue_elsewhere import STEPS, play, presented, stored

pytestmark = pytest.mark.rom

SAMPLE = ["pong", "qbert", "assault", "tennis", "yars_revenge"]


def _shown(emulator: Emulator) -> tuple[object, ...]:
    """All that can be seen of a console."""
    screen = np.empty((210, 160), dtype=np.uint8)
    emulator.read_screen(screen)
    return emulator.lives, emulator.terminated, screen.tobytes(), emulator.ram().tobytes()


def _play(emulator: Emulator, start: int, frames: int, reset_at: int | None = None) -> list[tuple[object, ...]]:
    """Rewards and all that can be seen in fixed random play from a frame number on."""
    codes = np.random.default_rng(7).choice(emulator.minimal_actions, size=5_000)
    seen: list[tuple[object, ...]] = []
    for frame in range(start, start + frames):
        if emulator.terminated or frame == reset_at:
            emulator.reset()
        seen.append((emulator.act(int(codes[frame])), *_shown(emulator)))
    return seen


def _continues_exactly(game: str, played: int, reset_after: int, *, also_fresh: bool = True) -> None:
    """On a console that has played something else and, where asked, on a fresh one: powering on is what takes long."""
    one = open_emulator(game)
    one.reset()
    _play(one, 0, played)
    state, shown = one.save(), _shown(one)
    expected = _play(one, played, 300, reset_at=played + reset_after)
    in_use = open_emulator(game)
    _play(in_use, 0, 37)
    for other in (in_use, *([open_emulator(game)] if also_fresh else [])):
        other.restore(state)
        assert _shown(other) == shown
        assert other.save() == state
        assert _play(other, played, 300, reset_at=played + reset_after) == expected
        assert other.save() == one.save()


@pytest.mark.parametrize(
    "played", [pytest.param(0, marks=pytest.mark.slow), 119, pytest.param(203, marks=pytest.mark.slow)]
)  # a snapshot is made by the 60th thing given, here frame 119
@pytest.mark.parametrize("game", SAMPLE)
def test_a_saved_game_continues_exactly_elsewhere_through_a_reset(game: str, played: int) -> None:
    _continues_exactly(game, played, reset_after=150)


@pytest.mark.parametrize("game", ["qbert", "berzerk"])
def test_a_reset_right_after_restoring_is_the_reset_there_would_have_been(game: str) -> None:
    _continues_exactly(game, 100, reset_after=0)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("game", ATARI57)
def test_every_game_continues_exactly(game: str) -> None:
    _continues_exactly(game, 119, reset_after=150, also_fresh=False)


def _owes_nothing_to_what_was_played(game: str, played: int) -> None:
    fresh, used = open_emulator(game), open_emulator(game)
    used.reset()
    _play(used, 0, played)
    used.reset(cold=True)
    fresh.reset()
    assert _shown(used) == _shown(fresh)
    assert used.save() == fresh.save()
    assert _play(used, 0, 300, reset_at=150) == _play(fresh, 0, 300, reset_at=150)
    assert used.save() == fresh.save()


@pytest.mark.parametrize("game", SAMPLE[1:])
def test_after_a_cold_reset_nothing_is_left_of_what_was_played(game: str) -> None:
    """All but Q*bert begin otherwise where a warm reset finds what another game left in memory."""
    _owes_nothing_to_what_was_played(game, 1_234)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("game", ATARI57)
def test_a_cold_reset_leaves_nothing_in_any_game(game: str) -> None:
    _owes_nothing_to_what_was_played(game, 2_345)


def test_the_console_kept_for_replays_plays_as_one_just_opened() -> None:
    """Even where what the console's memory held would begin the game differently."""
    fresh, used = open_emulator("kung_fu_master"), replay_console("kung_fu_master")
    used.reset()
    _play(used, 0, 1_234)
    kept = replay_console("kung_fu_master")
    assert kept is used
    kept.reset()
    fresh.reset()
    assert _shown(kept) == _shown(fresh)
    assert _play(kept, 0, 300, reset_at=150) == _play(fresh, 0, 300, reset_at=150)
    with pytest.raises(NotImplementedError):
        kept.save()


def test_a_warm_reset_leaves_something() -> None:
    fresh, used = open_emulator("kung_fu_master"), open_emulator("kung_fu_master")
    used.reset()
    _play(used, 0, 1_234)
    used.reset()
    fresh.reset()
    assert _play(used, 0, 60) != _play(fresh, 0, 60)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["nature", "sticky"])
@pytest.mark.parametrize("games", [SAMPLE[:2], pytest.param(NATURE49, marks=pytest.mark.long)], ids=["some", "all"])
def test_every_game_of_the_article_continues_exactly_in_another_process(
    games: Sequence[str], protocol: str, tmp_path: Path
) -> None:
    entries, expected = [], []
    for name in games:
        game, streams = presented(name, protocol)
        game.begin_episode()
        play(game, streams, 130)
        entries.append({"game": name, "protocol": protocol, "state": stored(game, streams)})
        expected.append(play(game, streams, STEPS))
    (tmp_path / "states.json").write_text(json.dumps(entries))
    command = [sys.executable, "-m", "tests.support.continue_elsewhere", str(tmp_path / "states.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = done.stdout.split()
    assert [n for n, one, other in zip(games, found, expected, strict=True) if one != other] == []


@pytest.mark.slow
def test_any_number_of_resets_can_be_saved() -> None:
    one, other = open_emulator("pong"), open_emulator("pong")
    for _ in range(260):
        one.reset()
    other.restore(one.save())
    assert _shown(other) == _shown(one)


def test_a_state_of_another_version_is_one_line() -> None:
    emulator = open_emulator("pong")
    with pytest.raises(
        ReplicationError, match=r"^pong: saved state of the emulator: found format 1, expected 2; [^\n]+$"
    ):
        emulator.restore(b"\x01" + emulator.save()[1:])


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
    from replication.environments.atari import emulator

    monkeypatch.setattr(emulator.roms, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(ReplicationError, match=r"pong\.bin: the ROM of pong is missing; install ale-py again"):
        open_emulator("pong")
    assert len(rom_md5("catch")) == 32


def test_a_rom_of_another_digest_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    from replication.environments.atari import emulator

    (tmp_path / "pong.bin").write_bytes(b"not the cartridge")
    monkeypatch.setattr(emulator.roms, "__file__", str(tmp_path / "__init__.py"))
    for ask in (open_emulator, rom_md5):
        with pytest.raises(ReplicationError, match=r"pong\.bin: the ROM of pong has MD5 \w+, expected 60e0ea3cbe0913"):
            ask("pong")


def test_r5_the_rom_is_identified() -> None:
    assert rom_md5("pong") == "60e0ea3cbe0913d39803477945e9e5ec"
