"""The file of a trace: byte by byte, and everything that can be wrong with one."""

from __future__ import annotations

import hashlib
import lzma
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replication.evidence.recording import RecordingEmulator
from replication.evidence.trace_file import RESET, Episode, Trace, parse_trace, read_trace, serialise_trace, write_trace
from replication.evidence.trace_replay import re_emulate
from replication.foundation.errors import ReplicationError
from tests.support.pinball import (
    ACTIONS,
    PLACE,
    Pinball,
    assembled,
    edited,
    header,
    message,
    play,
    recorded,
    taken_apart,
    two_episodes,
)

pytestmark = pytest.mark.usefixtures("pinball_has_a_rom")


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
        (("header", "color"), "red", "color"),
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
