"""The file of a trace of steps: equal traces have equal bytes, and every field that was tampered with is named."""

from __future__ import annotations

import json
import lzma
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from replication.environments.contract import ContinuousActions, DiscreteActions
from replication.evidence.step_trace import (
    StepEpisode,
    StepTrace,
    StepTraceHeader,
    parse_step_trace,
    read_step_trace,
    serialise_step_trace,
)
from replication.evidence.trace_file import parse_trace, serialise_trace
from tests.support.pinball import PLACE, assembled, message, two_episodes

CODES, VECTORS = DiscreteActions(codes=(0, 1, 2)), ContinuousActions(low=(-1.0, 0.0), high=(1.0, 2.0))


def header(actions=CODES) -> StepTraceHeader:
    return StepTraceHeader(
        variant="random_uniform",
        protocol="classic_control",
        seed=3,
        purpose="final_evaluation",
        result_digest="ab" * 32,
        environment="gymnasium",
        task="mountain_car",
        fingerprint={"gymnasium_version": "1.4.0"},
        actions=actions,
    )


def made_up(actions=CODES) -> StepTrace:
    given = {CODES: np.uint8([0, 2, 1, 1]), VECTORS: np.float32([[0, 1], [-1, 2], [0.1, 0], [1, 1e-30]])}[actions]
    one = StepEpisode(7, given[:3], -3.0, "truncated", "0123456789abcdef")
    return StepTrace(header(actions), (one, StepEpisode(2**62, given[3:], 0.1, "terminated", "f" * 16)))


def taken_apart(trace: StepTrace) -> tuple[dict, bytes]:
    data = serialise_step_trace(trace)
    length = struct.unpack_from("<I", data, 10)[0]
    return json.loads(data[14 : 14 + length]), lzma.decompress(data[14 + length : -32])


@pytest.mark.parametrize("actions", [CODES, VECTORS], ids=["codes", "vectors"])
def test_a_trace_is_read_as_it_was_written(actions, tmp_path: Path) -> None:
    trace = made_up(actions)
    data = serialise_step_trace(trace)
    (tmp_path / "evaluation.trace").write_bytes(data)
    read = read_step_trace(tmp_path / "evaluation.trace")
    assert read == trace
    assert [episode.steps for episode in read.episodes] == [3, 1]
    assert serialise_step_trace(read) == data


@pytest.mark.parametrize(
    "changed",
    [{"start": 8}, {"raw_return": 0.0}, {"ending": "terminated"}, {"actions": np.uint8([0, 2, 0])}],
    ids=lambda changed: next(iter(changed)),
)
def test_episodes_that_differ_are_not_equal(changed) -> None:
    episode = made_up().episodes[0]
    assert replace(episode) == episode
    assert replace(episode, **changed) != episode


def test_the_payload_is_the_actions_one_after_the_other() -> None:
    assert taken_apart(made_up())[1] == bytes([0, 2, 1, 1])
    assert taken_apart(made_up(VECTORS))[1] == np.float32([0, 1, -1, 2, 0.1, 0, 1, 1e-30]).tobytes()


def test_any_changed_byte_is_found() -> None:
    data = serialise_step_trace(made_up())
    for place in range(14, len(data), 7):
        spoilt = bytearray(data)
        spoilt[place] ^= 1
        assert "damaged or cut short" in message(parse_step_trace, bytes(spoilt), PLACE)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (bytes([0, 3, 1, 1]), "payload: found action 3, expected one of [0, 1, 2]"),
        (bytes([0, 2, 1]), "payload: found 3 bytes, expected 4 as in its steps"),
        (bytes([0, 2, 1, 1, 1]), "payload: expected one whole xz stream of at most 4 bytes"),
    ],
)
def test_a_payload_that_does_not_fit_its_header_is_one_line(payload: bytes, expected: str) -> None:
    content, _ = taken_apart(made_up())
    assert message(parse_step_trace, assembled(content, lzma.compress(payload)), PLACE) == f"{PLACE}: {expected}"


@pytest.mark.parametrize(
    ("part", "key", "value", "expected"),
    [
        ("episode", "steps", 0, "header.episodes.0.steps: expected a number greater than or equal to 1, found 0"),
        ("episode", "steps", 2**40, "bytes of actions, expected at most"),
        ("episode", "start", -1, "header.episodes.0.start: "),
        ("episode", "ending", "tired", "header.episodes.0.ending"),
        ("header", "environment", "chess", "header.header.environment"),
        ("header", "actions", {"kind": "discrete", "codes": []}, "header.header.actions.codes"),
        ("header", "actions", {"kind": "discrete", "codes": [256]}, "header.header.actions.codes.0"),
        ("header", "actions", {"kind": "continuous", "low": [0.0], "high": []}, "header.header.actions.high"),
        ("header", "actions", {"kind": "continuous", "low": [1.0], "high": [0.0]}, "expected low below high"),
        ("header", "actions", {"kind": "drawn"}, "header.header.actions"),
    ],
)
def test_a_header_that_says_what_cannot_be_is_one_line(part: str, key: str, value, expected: str) -> None:
    content, payload = taken_apart(made_up())
    (content["header"] if part == "header" else content["episodes"][0])[key] = value
    assert expected in message(parse_step_trace, assembled(content, lzma.compress(payload)), PLACE)


def test_the_trace_of_a_game_is_none_of_another_task_and_the_other_way_round() -> None:
    assert f"{PLACE}: header." in message(parse_step_trace, serialise_trace(two_episodes()), PLACE)
    assert f"{PLACE}: header." in message(parse_trace, serialise_step_trace(made_up()), PLACE)
