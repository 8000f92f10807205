"""Traces: what is recorded, and playing it again."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from replication.environments.atari.emulator import open_emulator, rom_md5
from replication.evidence.recording import RecordingEmulator
from replication.evidence.trace_file import RESET, Trace, parse_trace, serialise_trace
from replication.evidence.trace_replay import re_emulate, verify_trace
from tests.support.pinball import ACTIONS, PLACE, Pinball, edited, header, message, play, recorded, two_episodes

pytestmark = pytest.mark.usefixtures("pinball_has_a_rom")


# ---------------------------------------------------------------- recording


def test_runs_and_spans_of_an_episode_by_hand():
    recorder = RecordingEmulator(Pinball())
    recorder.reset()
    for code in (0, 0, 0):
        recorder.act(code)
    recorder.mark_scored(True)
    recorder.mark_scored(False)
    recorder.mark_scored(True)
    for code in (0, 0, 3, 3):
        recorder.act(code)
    recorder.mark_scored(False)
    recorder.mark_scored(True)
    recorder.act(1)
    recorder.mark_scored(False)
    recorder.act(1)
    # Places 21 (-79 points), 170, 6 (-94 points), 193; each of the two scored no-ops gives a point.
    recorder.finish_episode(raw_return=-171, scored_frames=5, noop_frames=3, ending="truncated")
    (episode,) = recorder.episodes
    assert episode.codes.tolist() == [0, 3, 1]
    assert episode.lengths.tolist() == [5, 2, 2]
    assert (episode.codes.dtype, episode.lengths.dtype) == (np.uint8, np.uint32)
    assert episode.spans == (3, 5, 1)
    assert (episode.total_frames, episode.scored_frames, episode.noop_frames) == (9, 5, 3)
    (check,) = re_emulate(Trace(header(), (episode,)), Pinball())
    assert (check.raw_return, check.frames, check.game_over) == (-171.0, 9, False)
    assert check.screen_digest == hashlib.sha256(np.full(210 * 160, 193, np.uint8)).hexdigest()[:16]
    assert check.ram_digest == hashlib.sha256(bytes([193, 9]) + bytes(126)).hexdigest()[:16]


def test_the_recorder_passes_everything_on():
    plain, wrapped = Pinball(), Pinball()
    recorder = RecordingEmulator(wrapped)
    for emulator in (plain, recorder):
        emulator.reset()
    rewards = [[emulator.act(code) for code in (3, 1, 4, 0)] for emulator in (plain, recorder)]
    assert rewards[0] == rewards[1]
    assert (recorder.game, recorder.minimal_actions) == ("pinball", ACTIONS)
    assert (recorder.lives, recorder.terminated) == (plain.lives, False)
    assert recorder.ram().tolist() == plain.memory.tolist()
    screen = np.zeros((210, 160), np.uint8)
    recorder.read_screen(screen)
    assert (screen == plain.memory[0]).all()
    assert recorder.save() == plain.save()


def test_a_reset_before_any_scored_frame_belongs_to_the_episode():
    recorder = RecordingEmulator(Pinball())
    recorder.reset()
    recorder.act(0)
    recorder.act(3)
    recorder.reset()
    recorder.act(3)
    recorder.mark_scored(True)
    play(recorder, 2, [(3, 3, True)])
    (episode,) = recorder.episodes
    assert episode.codes.tolist() == [0, 3, RESET, 3, RESET, 0, 3]
    assert episode.lengths.tolist() == [1, 1, 0, 1, 0, 2, 3]
    assert episode.spans == (5, 3)
    assert (episode.noop_frames, episode.scored_frames, episode.total_frames) == (2, 3, 8)


def test_a_game_may_be_over_within_the_no_ops_before_the_reset_that_notices_it():
    recorder = RecordingEmulator(Pinball())
    recorder.reset()
    while not recorder.terminated:
        recorder.act(1)
    play(recorder, 2, [(3, 3, True)])
    trace = Trace(header(), tuple(recorder.episodes))
    verify_trace(trace, Pinball(), PLACE)
    assert parse_trace(serialise_trace(trace), PLACE) == trace


def test_an_episode_ended_by_a_reset_is_finished_after_it():
    recorder = RecordingEmulator(Pinball())
    recorder.reset()
    recorder.mark_scored(True)
    total, frames = 0, 0
    while recorder.lives > 1:
        total += recorder.act(1)
        frames += 1
    recorder.mark_scored(False)
    while not recorder.terminated:
        recorder.act(1)
    recorder.reset()
    recorder.act(0)
    recorder.finish_episode(raw_return=total, scored_frames=frames, noop_frames=0, ending="terminated")
    recorder.mark_scored(True)
    recorder.act(3)
    recorder.finish_episode(raw_return=0, scored_frames=1, noop_frames=1, ending="unfinished")
    first, second = recorder.episodes
    assert first.codes.tolist() == [1]
    assert second.codes.tolist() == [0, 3]
    checks = list(re_emulate(Trace(header(), (first, second)), Pinball()))
    assert [check.frames for check in checks] == [first.total_frames, 2]
    assert checks[0].raw_return == total
    assert [(c.screen_digest, c.ram_digest) for c in checks] == [
        (e.screen_digest, e.ram_digest) for e in (first, second)
    ]


def test_recording_continues_after_a_restored_state():
    whole = RecordingEmulator(Pinball())
    play(whole, 3, [(1, 9, True)])
    state = whole.save()
    play(whole, 2, [(4, 5, True)])
    continued = RecordingEmulator(Pinball())
    continued.reset()
    continued.act(3)
    continued.continue_after(whole.episodes[:1])
    continued.restore(state)
    play(continued, 2, [(4, 5, True)])
    assert continued.episodes == whole.episodes
    assert len(continued.episodes) == 2


def test_restoring_a_state_forgets_the_episode_under_way():
    recorder = RecordingEmulator(Pinball())
    state = recorder.save()
    recorder.reset()
    recorder.act(3)
    recorder.restore(state)
    with pytest.raises(AssertionError):
        recorder.act(3)
    play(recorder, 1, [(3, 2, True)])
    assert recorder.episodes == list(recorded((1, [(3, 2, True)])).episodes)


@pytest.mark.parametrize("wrong", [{"scored_frames": 4}, {"noop_frames": 0}, {"ending": "terminated"}])
def test_a_session_that_counts_otherwise_is_caught(wrong):
    recorder = RecordingEmulator(Pinball())
    recorder.reset()
    recorder.act(0)
    recorder.mark_scored(True)
    recorder.act(0)
    with pytest.raises(AssertionError):
        recorder.finish_episode(
            **({"raw_return": 1, "scored_frames": 1, "noop_frames": 1, "ending": "truncated"} | wrong)
        )


def test_frames_before_a_reset_are_refused():
    with pytest.raises(AssertionError):
        RecordingEmulator(Pinball()).act(0)


# ---------------------------------------------------------------- playing it again


def test_a_true_trace_is_verified():
    verify_trace(two_episodes(), Pinball(), PLACE)


def test_the_first_difference_is_named():
    trace = two_episodes()
    first, second = trace.episodes
    last = first.total_frames
    assert (first.ending, second.ending) == ("terminated", "truncated")

    longer = edited(
        trace, 0, lengths=first.lengths + np.array([0, 0, 7], np.uint32), spans=(*first.spans[:-1], first.spans[-1] + 7)
    )
    beginning = f"{PLACE}: episode 0 (the first is 0): "
    expected = f"{beginning}frame {last}: the game is over, expected it to go on to frame {last + 7}"
    assert message(verify_trace, longer, Pinball(), PLACE) == expected

    shorter = edited(
        trace, 0, lengths=first.lengths - np.array([0, 0, 1], np.uint32), spans=(*first.spans[:-1], first.spans[-1] - 1)
    )
    expected = f"{beginning}frame {last - 1}, the last: the game is not over, expected over (ending: terminated)"
    assert message(verify_trace, shorter, Pinball(), PLACE) == expected

    capped = edited(trace, 0, ending="truncated")
    expected = f"{beginning}frame {last}, the last: the game is over, expected not over (ending: truncated)"
    assert message(verify_trace, capped, Pinball(), PLACE) == expected

    beginning = f"{PLACE}: episode 1 (the first is 0): "
    better = edited(trace, 1, raw_return=second.raw_return + 1)
    expected = f"raw_return: played again it is {second.raw_return:g}, the trace claims {second.raw_return + 1:g}"
    assert message(verify_trace, better, Pinball(), PLACE) == beginning + expected

    for digest in ("screen_digest", "ram_digest"):
        other = edited(trace, 1, **{digest: "0" * 16})
        expected = f"frame 8, the last: {digest}: found {getattr(second, digest)}, the trace claims {'0' * 16}"
        assert message(verify_trace, other, Pinball(), PLACE) == beginning + expected


def test_unscored_rewards_do_not_count():
    trace = two_episodes()
    widened = edited(trace, 1, spans=(0, 8))
    # The two no-ops at the start and the two in the middle give a point each.
    expected = f"it is {trace.episodes[1].raw_return + 4:g}, the trace claims {trace.episodes[1].raw_return:g}"
    assert expected in message(verify_trace, widened, Pinball(), PLACE)


def test_the_order_of_the_episodes_matters():
    trace = two_episodes()
    swapped = replace(trace, episodes=trace.episodes[::-1])
    assert "episode 0" in message(verify_trace, swapped, Pinball(), PLACE)


def test_another_rom_or_another_game_is_refused():
    trace = two_episodes()
    other_rom = replace(trace, header=header(rom_md5="1" * 32))
    assert f"rom_md5: found {'0' * 32} on this machine" in message(verify_trace, other_rom, Pinball(), PLACE)
    other_actions = replace(trace, header=header(minimal_actions=(0, 1, 3, 4, 5)))
    assert "minimal_actions" in message(verify_trace, other_actions, Pinball(), PLACE)


def test_another_version_of_the_emulator_is_mentioned_only_with_a_difference():
    trace = replace(two_episodes(), header=header(ale_py_version="0.7.5"))
    verify_trace(trace, Pinball(), PLACE)
    wrong = edited(trace, 1, raw_return=99.0)
    assert "(the trace was made with ale-py 0.7.5, this is " in message(verify_trace, wrong, Pinball(), PLACE)


@pytest.mark.rom
def test_a_real_game_is_played_again():
    recorder = RecordingEmulator(open_emulator("pong"))
    rng = np.random.default_rng(5)
    for noops in (7, 30):
        parts = [(recorder.minimal_actions[i], 4, True) for i in rng.integers(0, 6, 250)]
        play(recorder, noops, parts)
    digest = rom_md5("pong")
    trace = Trace(
        header(game="pong", rom_md5=digest, minimal_actions=recorder.minimal_actions), tuple(recorder.episodes)
    )
    assert [episode.total_frames for episode in trace.episodes] == [1007, 1030]
    back = parse_trace(serialise_trace(trace), PLACE)
    verify_trace(back, open_emulator("pong"), PLACE)
    # The paddle goes the other way (actions of the first seconds alone would leave no mark).
    codes = np.where(back.episodes[1].codes == 3, 4, back.episodes[1].codes)
    assert "episode 1" in message(verify_trace, edited(back, 1, codes=codes), open_emulator("pong"), PLACE)
