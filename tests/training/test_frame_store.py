"""Frames come back as they were, and the memory they take is what is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replication.training.replay.frame_store import (
    Lz4Frames,
    RawFrames,
    Storage,
    build_frame_store,
    most_bytes,
    storage_text,
)
from replication.training.replay.memory import ReplayMemory
from tests.support.parameters import long_unless


def _memory(storage: Storage, capacity_rows: int) -> ReplayMemory:
    return ReplayMemory(
        capacity_rows=capacity_rows,
        frame_stack=4,
        n_step=1,
        discount=0.99,
        frames=build_frame_store(storage, capacity_rows),
        padding_rows=0,
        stores_end_frame=True,
        truncation_bootstraps=True,
    )


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), levels=st.sampled_from([1, 2, 8, 256]), turned=st.booleans())
@pytest.mark.parametrize("kind", [RawFrames, Lz4Frames])
def test_frames_come_back_as_they_were(kind: type, seed: int, levels: int, turned: bool) -> None:
    images = np.random.default_rng(seed).integers(0, levels, (3, 84, 84)).astype(np.uint8)
    given_frames = [image.T if turned else image for image in images]
    store = kind(2)
    for frame, row in zip(given_frames, (0, 1, 0), strict=True):  # the first is written over
        store.put(row, frame)
    before = [frame.copy() for frame in given_frames]
    images[:] = 0
    out = np.empty((3, 84 * 84), dtype=np.uint8)
    store.gather(np.array([0, 1, 0]), out)
    assert (out.reshape(3, 84, 84) == np.stack([before[2], before[1], before[2]])).all()


def test_m1_bytes_of_a_million_rows() -> None:
    memory = _memory("raw", 1_000)
    # Frame 7,056; action 2, reward 4, outcome 1, position 1.
    assert memory.nbytes == 1_000 * 7_064 == most_bytes(1_000, "raw")
    assert most_bytes(1_000_000, "raw") == 7_064_000_000 <= 7.2e9
    assert most_bytes(1_000_000, "lz4") <= 7.2e9


def test_bytes_of_compressed_frames_follow_what_is_held() -> None:
    memory = _memory("lz4", 50)
    assert memory.nbytes == 50 * (8 + 8)
    noise = np.random.default_rng(0).integers(0, 256, (84, 84)).astype(np.uint8)
    for i in range(120):
        memory.append(noise, 0, 0.0, 0, starts_trajectory=i == 0)
    # Noise grows: 7,056 literals after a token and 28 bytes of length. Then a bytes object, a pointer and the row's 8.
    assert memory.nbytes == 50 * (7_056 + 29 + 33 + 8 + 8) <= most_bytes(50, "lz4")
    for _ in range(50):
        memory.append(np.zeros((84, 84), dtype=np.uint8), 0, 0.0, 0, starts_trajectory=False)
    assert memory.nbytes < 50 * 120


def test_what_is_said_before_memory_is_taken() -> None:
    assert storage_text(1_000_000, "raw") == "replay memory: 1,000,000 rows of 84x84 frames, raw: 7.06 GB"
    assert storage_text(1_000_000, "lz4") == (
        "replay memory: 1,000,000 rows of 84x84 frames, lz4: typically 0.30 GB to 1.89 GB, at most 7.15 GB"
    )
    assert storage_text(1_000, "lz4") == (
        "replay memory: 1,000 rows of 84x84 frames, lz4: typically 0.3 MB to 1.9 MB, at most 7.1 MB"
    )


@pytest.mark.rom
@pytest.mark.slow
@pytest.mark.parametrize(
    "game",
    long_unless(
        {"pong", "ms_pacman"}.__contains__, ["pong", "breakout", "seaquest", "space_invaders", "ms_pacman", "enduro"]
    ),
)
def test_a_million_real_frames_would_take_at_most_2_gb(game: str) -> None:
    from tests.support.lanes import RecordingLearner, advance, build, smoke_run

    trainee = build(smoke_run(game=game, preset=None, budget_frames=8_000), replay_capacity_rows=2_000)
    RecordingLearner(trainee)
    advance([trainee])
    memory = trainee.lane.memory
    assert len(memory) == 2_000
    assert memory.nbytes / len(memory) <= 2_000
