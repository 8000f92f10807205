"""Traces: what is recorded, the file that keeps it, and playing it again."""

from __future__ import annotations

import hashlib
import json
import lzma
import struct
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replication import traces
from replication.atari.emulator import open_emulator, rom_md5
from replication.errors import ReplicationError
from replication.traces import (
    RESET,
    Episode,
    RecordingEmulator,
    Trace,
    TraceHeader,
    parse_trace,
    re_emulate,
    read_trace,
    serialise_trace,
    verify_trace,
    write_trace,
)

ACTIONS = (0, 1, 3, 4)
PLACE = Path("somewhere/evaluation.trace")


class Pinball:
    """A made-up game: any action but the no-op moves a ball; some places give points, some cost a life.

    What the last episode left in the memory moves the first ball of the next one.
    """

    game = "pinball"
    minimal_actions = ACTIONS

    def __init__(self) -> None:
        self.memory = np.zeros(128, np.uint8)
        self.lives = 0
        self.log: list[int] = []

    def reset(self) -> None:
        self.log.append(RESET)
        self.lives = 3
        self.memory[0] = self.memory[0] // 2

    def act(self, action_code: int) -> int:
        self.log.append(action_code)
        self.memory[1] = (int(self.memory[1]) + 1) % 256
        if action_code == 0:
            return 1
        place = (31 * int(self.memory[0]) + 7 * action_code) % 251
        self.memory[0] = place
        self.lives -= place % 13 == 0
        return place - 100 if place % 3 == 0 else 0

    @property
    def game_over(self) -> bool:
        return self.lives <= 0

    def read_screen(self, out: np.ndarray) -> None:
        out[:] = self.memory[0]

    def ram(self) -> np.ndarray:
        return self.memory

    def save(self) -> bytes:
        return bytes([self.lives]) + self.memory.tobytes()

    def restore(self, state: bytes) -> None:
        self.lives, self.memory = state[0], np.frombuffer(state[1:], np.uint8).copy()


@pytest.fixture(autouse=True)
def pinball_has_a_rom(monkeypatch):
    monkeypatch.setattr(traces, "rom_md5", lambda game: "0" * 32 if game == "pinball" else rom_md5(game))


def header(**changes) -> TraceHeader:
    fields = {
        "variant": "dqn",
        "protocol": "nature",
        "game": "pinball",
        "seed": 3,
        "purpose": "final_evaluation",
        "rom_md5": "0" * 32,
        "ale_py_version": "0.12.1",
        "frame_skip": 4,
        "sticky_probability": 0.25,
        "minimal_actions": ACTIONS,
        "result_digest": "ab" * 32,
    }
    return TraceHeader(**(fields | changes))


def play(recorder, noops, parts) -> None:
    """One episode as a game session plays it, counting for itself.

    Args:
        recorder: records it.
        noops: frames of no-op after the reset.
        parts: (action, frames, whether they are scored), until the game is over.
    """
    recorder.reset()
    for _ in range(noops):
        recorder.act(0)
    total = frames = unscored = 0
    for action, length, scored in parts:
        recorder.mark_scored(scored)
        for _ in range(length):
            if recorder.game_over:
                break
            reward = recorder.act(action)
            total += reward if scored else 0
            frames += scored
            unscored += not scored and frames == 0
    recorder.finish_episode(
        raw_return=total,
        scored_frames=frames,
        noop_frames=noops + unscored,
        ending="terminated" if recorder.game_over else "truncated",
    )


def recorded(*episodes) -> Trace:
    recorder = RecordingEmulator(Pinball())
    for noops, parts in episodes:
        play(recorder, noops, parts)
    return Trace(header(), tuple(recorder.episodes))


def two_episodes() -> Trace:
    """The first is ended by game over after some 20 frames, the second by the cap."""
    return recorded((5, [(3, 4, True), (1, 400, True)]), (2, [(4, 3, True), (0, 2, False), (4, 1, True)]))


def edited(trace, number, **changes) -> Trace:
    episodes = list(trace.episodes)
    episodes[number] = replace(episodes[number], **changes)
    return replace(trace, episodes=tuple(episodes))


def assembled(content, payload, version=1) -> bytes:
    """A file of any content, with the right digest at its end."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    body = struct.pack("<8sHI", b"RPLTRACE", version, len(text)) + text + payload
    return body + hashlib.sha256(body).digest()


def taken_apart(trace) -> tuple[dict, bytes]:
    """Header as plain data, and the payload decompressed."""
    data = serialise_trace(trace)
    length = struct.unpack_from("<I", data, 10)[0]
    return json.loads(data[14 : 14 + length]), lzma.decompress(data[14 + length : -32])


def message(action, *arguments) -> str:
    with pytest.raises(ReplicationError) as caught:
        action(*arguments)
    text = str(caught.value)
    assert "\n" not in text
    return text


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
    assert (recorder.lives, recorder.game_over) == (plain.lives, False)
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
    while not recorder.game_over:
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
    while not recorder.game_over:
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


# ---------------------------------------------------------------- the file


def test_a_file_byte_by_byte():
    episode = Episode(
        codes=np.array([0, 3, RESET, 4], np.uint8),
        lengths=np.array([254, 255, 0, 70_000], np.uint32),
        spans=(600, 69_909),
        raw_return=-1.5,
        ending="unfinished",
        screen_digest="0123456789abcdef",
        ram_digest="fedcba9876543210",
    )
    data = serialise_trace(Trace(header(), (episode,)))
    assert data[:10] == b"RPLTRACE\x01\x00"
    header_bytes = int.from_bytes(data[10:14], "little")
    text = data[14 : 14 + header_bytes]
    assert text.startswith(
        b'{"episodes":[{"ending":"unfinished","ram_digest":"fedcba9876543210","raw_return":-1.5,"runs":4,'
        b'"screen_digest":"0123456789abcdef","spans":[600,69909]}],"header":{"ale_py_version":"0.12.1","frame_skip":4,'
    )
    payload = lzma.decompress(data[14 + header_bytes : -32])
    assert payload == bytes([0, 254, 3, 255, RESET, 0, 4, 255, 255, 0, 0, 0, 0x70, 0x11, 0x01, 0])
    assert data[-32:] == hashlib.sha256(data[:-32]).digest()
    assert parse_trace(data, PLACE).episodes == (episode,)


plans = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.lists(
            st.tuples(st.sampled_from(ACTIONS), st.integers(1, 6) | st.sampled_from([254, 255, 256]), st.booleans()),
            max_size=40,
        ),
    ),
    max_size=5,
)


@settings(max_examples=60)
@given(plan=plans)
def test_what_was_played_is_what_is_read_and_played_again(plan):
    played = Pinball()
    recorder = RecordingEmulator(played)
    for noops, parts in plan:
        play(recorder, noops, parts)
    trace = Trace(header(), tuple(recorder.episodes))
    data = serialise_trace(trace)
    back = parse_trace(data, PLACE)
    assert back == trace
    assert serialise_trace(back) == data
    again = Pinball()
    checks = list(re_emulate(back, again))
    assert again.log == played.log
    for episode, check in zip(trace.episodes, checks, strict=True):
        assert check.raw_return == episode.raw_return
        assert check.frames == episode.total_frames
        assert check.game_over == (episode.ending == "terminated")
        assert (check.screen_digest, check.ram_digest) == (episode.screen_digest, episode.ram_digest)


def test_writing_and_reading(tmp_path):
    trace = two_episodes()
    write_trace(tmp_path / "new" / "a.trace", trace)
    assert read_trace(tmp_path / "new" / "a.trace") == trace
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["a.trace"]


def test_traces_that_differ_are_not_equal():
    trace = two_episodes()
    codes = trace.episodes[1].codes.copy()
    codes[0] = 1
    for changes in ({"codes": codes}, {"raw_return": 0.5}, {"ending": "unfinished"}, {"ram_digest": "0" * 16}):
        assert edited(trace, 1, **changes) != trace
        assert serialise_trace(edited(trace, 1, **changes)) != serialise_trace(trace)


@settings(max_examples=300)
@given(position=st.integers(min_value=0), flip=st.integers(1, 255))
def test_a_damaged_byte_never_passes(position, flip):
    data = bytearray(serialise_trace(two_episodes()))
    data[position % len(data)] ^= flip
    assert message(parse_trace, bytes(data), PLACE).startswith(f"{PLACE}: ")


def test_a_file_cut_short_anywhere_never_passes():
    data = serialise_trace(two_episodes())
    for length in range(len(data)):
        assert message(parse_trace, data[:length], PLACE).startswith(f"{PLACE}: ")
    message(parse_trace, data + b"\0", PLACE)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(edits=st.lists(st.tuples(st.integers(min_value=0), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_changed_file_with_a_matching_digest_is_a_trace_or_one_line(edits):
    body = bytearray(serialise_trace(two_episodes())[:-32])
    for position, byte in edits:
        body[position % len(body)] = byte
    try:
        trace = parse_trace(bytes(body) + hashlib.sha256(body).digest(), PLACE)
    except ReplicationError as error:
        assert "\n" not in str(error)
    else:
        assert all(int(episode.lengths.sum()) == episode.total_frames for episode in trace.episodes)


def test_other_files_are_named_for_what_they_are(tmp_path):
    assert "cannot be read (No such file" in message(read_trace, tmp_path / "none.trace")
    assert "cannot be read (Is a directory)" in message(read_trace, tmp_path)
    assert "begins with b'PK\\x03\\x04', expected b'RPLTRACE'" in message(parse_trace, b"PK\x03\x04", PLACE)
    data = serialise_trace(two_episodes())
    newer = data[:8] + b"\x02\x00" + data[10:]
    assert "version of the format: found 2, this program reads 1" in message(parse_trace, newer, PLACE)
    assert "cut short: found 20 bytes" in message(parse_trace, data[:20], PLACE)


def change(content, where, value):
    *path, last = where
    for key in path:
        content = content[key]
    content[last] = value


@pytest.mark.parametrize(
    ("where", "value", "found"),
    [
        (("header", "seed"), -1, "header.header.seed"),
        (("header", "seed"), "3", "header.header.seed"),
        (("header", "purpose"), "fun", "header.header.purpose"),
        (("header", "sticky_probability"), 1.5, "header.header.sticky_probability"),
        (("header", "result_digest"), "xyz", "header.header.result_digest"),
        (("header", "minimal_actions"), [], "header.header.minimal_actions"),
        (("header", "minimal_actions"), [0, RESET], "header.header.minimal_actions"),
        (("header", "minimal_actions"), [0, 1, 3], "found action code 4, expected one of [0, 1, 3]"),
        (("header", "colour"), "red", "colour"),
        (("episodes", 1, "ending"), "won", "header.episodes.1.ending"),
        (("episodes", 1, "raw_return"), float("nan"), "header.episodes.1.raw_return"),
        (("episodes", 1, "raw_return"), float("inf"), "header.episodes.1.raw_return"),
        (("episodes", 1, "ram_digest"), "0", "header.episodes.1.ram_digest"),
        (("episodes", 1, "spans"), [], "header.episodes.1.spans"),
        (("episodes", 1, "spans"), [2, 0, 6], "only the first may have no frame"),
        (("episodes", 1, "spans"), [2, 4], "episode 1: found 8 frames in its runs, expected 6"),
        (("episodes", 1, "spans"), [2, 2**31], "expected at most 2147483648"),
        (("episodes", 1, "runs"), 3, "payload: "),
        (("episodes", 1, "runs"), 5, "payload: "),
        (("episodes", 1, "runs"), 18, "18 runs cannot come from 8 frames"),
        (("episodes",), {}, "header.episodes"),
    ],
)
def test_every_field_of_the_header_is_checked(where, value, found):
    content, payload = taken_apart(two_episodes())
    assert parse_trace(assembled(content, lzma.compress(payload)), PLACE) == two_episodes()
    change(content, where, value)
    text = message(parse_trace, assembled(content, lzma.compress(payload)), PLACE)
    assert found in text
    assert text.startswith(f"{PLACE}: ")


@pytest.mark.parametrize("text", [b"", b"{", b"[" * 100_000, b"\xff", b"null", b"1" * 5000, b"\xef\xbb\xbf{}"])
def test_a_header_that_is_no_header_is_one_line(text):
    assert message(parse_trace, assembled(text, b""), PLACE).startswith(f"{PLACE}: header")


def test_a_header_longer_than_the_file_is_one_line():
    body = struct.pack("<8sHI", b"RPLTRACE", 1, 1000) + b"{}"
    text = message(parse_trace, body + hashlib.sha256(body).digest(), PLACE)
    assert "header length: found 1000, expected at most 2 bytes" in text


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        (lzma.compress(bytes([1, 4, 0, 3])) + b"more", "expected one whole xz stream"),
        (lzma.compress(bytes([1, 4, 0, 3]))[:-4], "expected one whole xz stream"),
        (lzma.compress(bytes([1, 4, 0])), "found 3 bytes, expected 4 for 2 runs"),
        (lzma.compress(bytes([1, 255, 0, 3])), "found 4 bytes, expected 8 for 2 runs"),
        (lzma.compress(bytes([1, 255, 0, 3, 4, 0, 0, 0])), "found 4 among the long runs, expected 255 or more"),
        (lzma.compress(bytes([1, 7, 0, 0])), "episode 0: expected code 255 wherever a run has no frame"),
        (lzma.compress(bytes([1, 4, 255, 3])), "episode 0: expected code 255 wherever a run has no frame"),
        (lzma.compress(bytes([1, 4, 1, 3])), "episode 0: found one action in two runs"),
        (lzma.compress(bytes([1, 4, 0, 4])), "episode 0: found 8 frames in its runs, expected 7"),
        (b"no xz at all", "payload: not readable as xz"),
        (lzma.compress(bytes(13)), "expected one whole xz stream of at most 12 bytes"),
    ],
)
def test_every_part_of_the_payload_is_checked(payload, found):
    (episode,) = recorded((0, [(1, 4, True), (0, 3, True)])).episodes
    content, _ = taken_apart(Trace(header(), (episode,)))
    assert found in message(parse_trace, assembled(content, payload), PLACE)


def test_no_more_is_decompressed_than_the_header_says():
    content, _ = taken_apart(two_episodes())
    data = assembled(content, lzma.compress(bytes(50_000_000)))
    tracemalloc.start()
    message(parse_trace, data, PLACE)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 20_000_000  # of which 8 MiB are the dictionary of xz


def test_what_was_read_cannot_be_changed():
    (episode, _) = parse_trace(serialise_trace(two_episodes()), PLACE).episodes
    for array in (episode.codes, episode.lengths):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_a_reset_after_a_scored_frame_is_refused():
    recorder = RecordingEmulator(Pinball())
    recorder.reset()
    recorder.act(0)
    play(recorder, 2, [(3, 3, True)])
    content, payload = taken_apart(Trace(header(), tuple(recorder.episodes)))
    assert parse_trace(assembled(content, lzma.compress(payload)), PLACE).episodes == tuple(recorder.episodes)
    change(content, ("episodes", 0, "spans"), [0, 6])
    text = message(parse_trace, assembled(content, lzma.compress(payload)), PLACE)
    assert text == f"{PLACE}: episode 0: found a reset after the first scored frame, expected none"


def evaluation_of(decisions, rng, purpose="final_evaluation") -> Trace:
    """30 episodes of 4,500 decisions, each held for 4 frames, after up to 30 no-ops."""
    episodes = []
    for row in decisions:
        frames = np.concatenate([np.zeros(rng.integers(1, 31), np.uint8), np.repeat(row, 4).astype(np.uint8)])
        starts = np.flatnonzero(np.diff(frames, prepend=-1))
        lengths = np.diff(starts, append=len(frames)).astype(np.uint32)
        spans = (len(frames) - 18_000, 18_000)
        digests = (rng.bytes(8).hex(), rng.bytes(8).hex())
        episodes.append(Episode(frames[starts], lengths, spans, 1234.0, "truncated", *digests))
    return Trace(header(minimal_actions=tuple(range(6)), purpose=purpose), tuple(episodes))


def test_an_evaluation_of_thirty_episodes_is_small():
    rng = np.random.default_rng(0)
    greedy = np.resize(rng.integers(0, 6, 40), (30, 4500))
    explored = np.where(rng.random(greedy.shape) < 0.05, rng.integers(0, 6, greedy.shape), greedy)
    # Found 16.6 kB and 56.1 kB; chance itself is 43.6 kB of the second (log2(6) bits a decision).
    assert len(serialise_trace(evaluation_of(explored, rng))) < 20_000
    assert len(serialise_trace(evaluation_of(rng.integers(0, 6, greedy.shape), rng))) < 62_000


def test_the_trace_of_a_training_is_written_faster_and_reads_the_same():
    rng = np.random.default_rng(0)
    decisions = np.random.default_rng(1).integers(0, 6, (5, 4500))
    trace = evaluation_of(decisions, rng, "training")
    assert parse_trace(serialise_trace(trace), PLACE) == trace
    assert len(serialise_trace(trace)) < 1.25 * len(serialise_trace(evaluation_of(decisions, rng)))


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
