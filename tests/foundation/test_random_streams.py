"""Streams: same name same draws, any other name, seed or game other draws; states restore exactly."""

from __future__ import annotations

import itertools
import json

import numpy as np

from replication.foundation.random_streams import (
    named_stream,
    restore_stream,
    stream_state,
    training_streams,
)
from replication.specification.families.off_policy import STREAMS


def test_streams_differ_by_seed_game_name_and_index() -> None:
    kinds = itertools.product((1, 2), ("pong", "breakout"), ("replay", "exploration"), ((), (0,), (1,)))
    first = [tuple(named_stream(s, g, n, *i).integers(2**63, size=2)) for s, g, n, i in kinds]
    assert len(set(first)) == len(first) == 24
    again = named_stream(1, "pong", "replay").integers(2**63, size=2)
    assert tuple(again) == first[0]


def test_r1_training_streams_are_independent_of_each_other() -> None:
    one, other = training_streams(3, "pong", STREAMS), training_streams(3, "pong", STREAMS)
    one["replay"].random(1000)
    assert one["exploration"].random() == other["exploration"].random()
    assert set(one) == set(STREAMS)


def test_a_stored_stream_continues_exactly_through_json() -> None:
    stream = named_stream(1, "pong", "replay")
    stream.random(7)
    state = json.loads(json.dumps(stream_state(stream)))
    expected = stream.random(5).tolist()
    restored = named_stream(9, "breakout", "replay")
    restore_stream(restored, state)
    assert restored.random(5).tolist() == expected


def test_one_of_one_greedy_action_takes_nothing_from_the_stream() -> None:
    stream = np.random.default_rng(1)
    stream.integers(5)  # half a word is left over
    before = stream_state(stream)
    stream.integers(1)
    assert stream_state(stream) == before
