"""The replay memory against plain lists of whole trajectories, and against numbers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from replication.foundation.errors import ReplicationError
from replication.training.replay.memory import LIFE_LOST, NO_ACTION, TERMINATED, TRUNCATED
from tests.support.replay_scripts import (
    LAYOUTS,
    Script,
    build,
    expected_transitions,
    numbered_frame,
    numbers,
    play,
    scripts,
    told,
    valid_rows,
)


@settings(max_examples=150)
@given(
    script=scripts,
    layout=st.sampled_from(sorted(LAYOUTS)),
    capacity_rows=st.integers(11, 60),
    frame_stack=st.integers(1, 5),
    n_step=st.integers(1, 5),
    seed=st.integers(0, 9),
)
@example(Script([(30, TERMINATED), (1, TRUNCATED), (2, LIFE_LOST)] * 4, 120), "end_rows", 40, 4, 3, 0)
@example(Script([(5, TERMINATED), (1, TERMINATED), (9, TERMINATED)] * 8, 150), "padding", 20, 4, 5, 0)
def test_m2_valid_rows_and_their_transitions_are_the_references(
    script: Script, layout: str, capacity_rows: int, frame_stack: int, n_step: int, seed: int
) -> None:
    padding_rows, stores_end_frame, bootstraps = LAYOUTS[layout]
    memories = [
        build(
            storage,
            capacity_rows=capacity_rows,
            frame_stack=frame_stack,
            n_step=n_step,
            padding_rows=padding_rows,
            stores_end_frame=stores_end_frame,
            truncation_bootstraps=bootstraps,
        )
        for storage in ("raw", "lz4")
    ]
    laid = play(script, memories)
    expected = expected_transitions(memories[0], laid, bootstraps)
    for memory in memories:
        assert memory.rows_appended == len(laid)
        assert len(memory) == min(len(laid), capacity_rows)
        assert valid_rows(memory) == sorted(expected)
    if not expected:
        for memory in memories:
            with pytest.raises(ReplicationError, match=f"holds {len(memory)} rows"):
                memory.sample(np.random.default_rng(seed), 1)
        return
    # Every transition there is, and a batch drawn.
    raw, lz4 = (memory.transitions_at(np.array(sorted(expected), dtype=np.int64)) for memory in memories)
    drawn = [memory.sample(np.random.default_rng(seed), 7) for memory in memories]
    assert all(a.tobytes() == b.tobytes() for a, b in zip(raw + drawn[0], lz4 + drawn[1], strict=True))
    for batch in (raw, drawn[0]):
        for i, row in enumerate(batch.rows.tolist()):
            found = (
                numbers(batch.states[i]),
                batch.actions[i],
                batch.rewards[i],
                batch.discounts[i],
                numbers(batch.next_states[i]),
            )
            assert found == expected[row]


# ---------------------------------------------------------------- by hand


@pytest.mark.parametrize(
    ("outcome", "bootstraps", "discounts"),
    [
        (TERMINATED, True, [0.125, 0, 0, 0]),
        (LIFE_LOST, True, [0.125, 0, 0, 0]),
        (TRUNCATED, True, [0.125, 0.125, 0.25, 0.5]),
        (TRUNCATED, False, [0.125, 0, 0, 0]),
        (TRUNCATED | LIFE_LOST, True, [0.125, 0, 0, 0]),
    ],
)
def test_three_step_returns_at_a_trajectorys_end(outcome: int, bootstraps: bool, discounts: list[float]) -> None:
    memory = build(frame_stack=2, n_step=3, truncation_bootstraps=bootstraps)
    told(memory, [9.0, 9.0], TERMINATED)  # rows 0, 1 and its end frame 2
    told(memory, [1.0, 0.0, -1.0, 0.5], outcome)  # rows 3 to 6 and its end frame 7
    told(memory, [9.0, 9.0, 9.0], 0)  # rows 8 to 10, which must not be seen
    batch = memory.transitions_at(np.array([3, 4, 5, 6]))
    # 1 + 0/2 - 1/4; 0 - 1/2 + 0.5/4; -1 + 0.5/2; 0.5
    assert batch.rewards.tolist() == [0.75, -0.375, -0.75, 0.5]
    assert batch.discounts.tolist() == discounts
    assert batch.actions.tolist() == [0, 1, 2, 3]
    # The next state is three rows on, or the end frame: at a truncation and at a terminal alike.
    assert [numbers(state) for state in batch.next_states] == [[5, 6], [6, 7], [6, 7], [6, 7]]


def test_without_end_rows_the_next_state_of_an_end_is_zeros() -> None:
    memory = build(frame_stack=2, n_step=2, padding_rows=1, stores_end_frame=False, truncation_bootstraps=False)
    told(memory, [9.0, 9.0], TERMINATED)  # padding row 0, rows 1 and 2
    told(memory, [1.0, 0.5, 0.25], TERMINATED)  # padding row 3, rows 4 to 6 with frames 3 to 5
    told(memory, [9.0, 9.0], 0)
    batch = memory.transitions_at(np.array([4, 5, 6]))
    assert batch.rewards.tolist() == [1.25, 0.625, 0.25]
    assert batch.discounts.tolist() == [0.25, 0, 0]
    assert [numbers(state) for state in batch.states] == [[-1, 3], [3, 5], [5, 6]]
    assert [numbers(state) for state in batch.next_states] == [[5, 6], [-1, -1], [-1, -1]]


def test_i8_i9_d8_states_at_a_trajectorys_start() -> None:
    memory = build()
    told(memory, [0.0] * 4, LIFE_LOST)  # rows 0 to 3 and its end frame 4
    told(memory, [0.0] * 6, 0)  # rows 5 to 10
    batch = memory.transitions_at(np.array([5, 6, 7, 8, 9]))
    assert [numbers(state) for state in batch.states] == [
        [-1, -1, -1, 5],
        [-1, -1, 5, 6],
        [-1, 5, 6, 7],
        [5, 6, 7, 8],
        [6, 7, 8, 9],
    ]
    assert [numbers(state) for state in batch.next_states[:2]] == [[-1, -1, 5, 6], [-1, 5, 6, 7]]


def test_a_long_trajectory_is_not_blanked() -> None:
    memory = build(capacity_rows=400)
    told(memory, [0.0] * 390, 0)
    for row in (254, 255, 256, 257, 300):
        batch = memory.transitions_at(np.array([row]))
        assert numbers(batch.states[0]) == [row - 3, row - 2, row - 1, row]
        assert numbers(batch.next_states[0]) == [row - 2, row - 1, row, row + 1]


def test_m3_range_of_rows_is_the_originals() -> None:
    memory = build()
    told(memory, [0.0] * 20, 0)
    # The original draws index from 2 to n - 4 and acts in row index + 3, counting from 1.
    assert valid_rows(memory) == [index + 3 - 1 for index in range(2, 20 - 4 + 1)]


def test_m4_no_window_crosses_the_write_head() -> None:
    memory = build(capacity_rows=20, n_step=2)
    told(memory, [0.0] * 47, 0)  # the write head is at row 7: row 7 is the oldest (27), row 6 the newest (46)
    valid = valid_rows(memory)
    assert sorted(set(range(20)) - set(valid)) == [5, 6, 7, 8, 9, 10]
    batch = memory.transitions_at(np.array(valid))
    for state, next_state in zip(batch.states, batch.next_states, strict=True):
        oldest, newest = numbers(state)[0], numbers(next_state)[-1]
        assert 27 < oldest < newest == oldest + 5 <= 46


def test_m7_ends_and_padding_take_rows() -> None:
    released, dopamine = build(), build(padding_rows=3, stores_end_frame=False, truncation_bootstraps=False)
    for memory in (released, dopamine):
        told(memory, [0.0] * 5, TERMINATED)
        told(memory, [0.0] * 5, TERMINATED)
    assert (released.rows_appended, dopamine.rows_appended) == (12, 16)
    assert (len(released), len(dopamine)) == (12, 16)


# ---------------------------------------------------------------- drawing


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_m3_valid_rows_are_drawn_uniformly_and_no_others(layout: str) -> None:
    padding_rows, stores_end_frame, bootstraps = LAYOUTS[layout]
    memory = build(
        capacity_rows=60,
        frame_stack=1,
        padding_rows=padding_rows,
        stores_end_frame=stores_end_frame,
        truncation_bootstraps=bootstraps,
    )
    for length in (1, 2, 9, 1, 3, 7, 1, 1, 12, 4, 2, 6, 5, 1, 8):
        told(memory, [0.0] * length, TERMINATED)
    valid = valid_rows(memory)
    stream = np.random.default_rng(20)
    rows = np.concatenate([memory.sample(stream, 1_000).rows for _ in range(30)])
    counts = np.bincount(rows, minlength=60)
    assert np.flatnonzero(counts).tolist() == valid
    expected = len(rows) / len(valid)
    freedom = len(valid) - 1
    chi_square = ((counts[valid] - expected) ** 2 / expected).sum()
    # Mean and standard deviation of chi-square; taking the next valid row instead of drawing again gives thousands.
    assert abs(chi_square - freedom) < 4 * np.sqrt(2 * freedom)


def test_the_same_stream_state_draws_the_same_batch() -> None:
    memory = build()
    for _ in range(30):
        told(memory, [1.0, 0.5, -1.0], TERMINATED)
    one, same, other = (memory.sample(np.random.default_rng(seed), 16) for seed in (3, 3, 4))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(one, same, strict=True))
    assert one.rows.tolist() != other.rows.tolist()


@pytest.mark.parametrize("storage", ["raw", "lz4"])
def test_a_batch_is_the_callers_to_keep(storage: str) -> None:
    memory = build(storage)
    told(memory, [0.5] * 90, 0)
    kept = memory.sample(np.random.default_rng(0), 32)
    before = [array.tobytes() for array in kept]
    later = [memory.sample(np.random.default_rng(seed), 32) for seed in (1, 2)]
    for i in range(200):
        memory.append(numbered_frame(1_000 + i), 0, 0.0, 0, starts_trajectory=False)
    assert [array.tobytes() for array in kept] == before
    assert not any(np.shares_memory(a, b) for batch in later for a, b in zip(kept, batch, strict=True))
    for stacks in (kept.states, kept.next_states):
        assert (stacks.shape, stacks.dtype, stacks.flags.c_contiguous) == ((32, 84, 84, 4), np.uint8, True)
    dtypes = [array.dtype for array in (kept.actions, kept.rewards, kept.discounts, kept.rows)]
    assert dtypes == [np.int64, np.float32, np.float32, np.int64]
    assert all(array.shape == (32,) for array in (kept.actions, kept.rewards, kept.discounts, kept.rows))


def test_a_memory_without_a_whole_transition_refuses() -> None:
    memory = build(n_step=2)
    for rows in range(7):
        with pytest.raises(ReplicationError, match=f"holds {rows} rows, none of which begins a transition of 2 steps"):
            memory.sample(np.random.default_rng(0), 32)
        memory.append(numbered_frame(rows), 0, 0.0, 0, starts_trajectory=rows == 0)
    # Stack 4 and two steps: row 4 is the only one, of seven.
    assert memory.sample(np.random.default_rng(0), 3).rows.tolist() == [4, 4, 4]


def test_a_memory_of_padding_refuses_and_a_single_valid_row_is_found() -> None:
    dopamine = {"padding_rows": 2_900, "stores_end_frame": False, "truncation_bootstraps": False}
    memory = build("lz4", capacity_rows=2_900, **dopamine)
    told(memory, [1.0], 0)
    with pytest.raises(ReplicationError, match="holds 2900 rows"):
        memory.sample(np.random.default_rng(0), 32)
    memory.append(numbered_frame(1), 0, 0.0, 0, starts_trajectory=False)
    assert memory.sample(np.random.default_rng(0), 2).rows.tolist() == [
        0,
        0,
    ]  # row 2,900 of all, the only one with an action


# ---------------------------------------------------------------- order of rows


def test_rows_that_cannot_follow_are_refused() -> None:
    frame = numbered_frame(0)
    memory = build()
    with pytest.raises(ValueError, match="row 0 of the replay memory must be the first of a trajectory"):
        memory.append(frame, 0, 0.0, 0, starts_trajectory=False)
    memory.append(frame, 0, 0.0, 0, starts_trajectory=True)
    for action, starts in ((0, True), (NO_ACTION, False)):
        with pytest.raises(ValueError, match=r"row 1 .* must be an action within its trajectory"):
            memory.append(frame, action, 0.0, 0, starts_trajectory=starts)
    memory.append(frame, 0, 0.0, LIFE_LOST, starts_trajectory=False)
    for action, starts in ((0, True), (0, False), (NO_ACTION, True)):
        with pytest.raises(ValueError, match=r"row 2 .* must be its trajectory's last frame"):
            memory.append(frame, action, 0.0, 0, starts_trajectory=starts)
    memory.append(frame, NO_ACTION, 0.0, 0, starts_trajectory=False)
    assert memory.rows_appended == 3
    memory.append(frame, 0, 0.0, 0, starts_trajectory=True)


def test_a_layout_that_cannot_work_is_refused() -> None:
    with pytest.raises(ReplicationError, match=r"replay_capacity_rows = 7: .* more than frame_stack \+ n_step = 7"):
        build(capacity_rows=7, n_step=3)
    with pytest.raises(ReplicationError, match="truncation_bootstraps needs stores_end_frame"):
        build(stores_end_frame=False)


@pytest.mark.parametrize("capacity_rows", [30, 31])
def test_starting_again_at_a_trajectory_gives_the_same_memory(capacity_rows: int) -> None:
    whole, again = build(capacity_rows=capacity_rows), build("lz4", capacity_rows=capacity_rows)
    for _ in range(4):
        told(whole, [0.5] * 9, TERMINATED)
    told(again, [0.25] * 17, 0)  # must be forgotten
    again.start_at(whole.rows_appended)
    assert (len(again), valid_rows(again)) == (0, [])
    for rewards in ([1.0] * 13, [0.5] * 11, [0.25] * 9):
        for memory in (whole, again):
            told(memory, rewards, TERMINATED)
    assert len(again) == len(whole) == capacity_rows
    batches = [memory.sample(np.random.default_rng(1), 64) for memory in (whole, again)]
    assert all(a.tobytes() == b.tobytes() for a, b in zip(*batches, strict=True))
