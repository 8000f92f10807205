"""Prioritized sampling in a replay memory: which rows can be drawn, its state, its bytes; and the newest rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replication.foundation.errors import ReplicationError
from replication.specification.families.off_policy import ReplaySampling
from replication.training.machine.capacity import lanes_that_fit
from replication.training.machine.settings import Machine
from replication.training.off_policy import host_memory
from replication.training.off_policy.footprint import PRIORITY_BYTES, checkpoint_bytes, memory_text, priority_bytes
from replication.training.off_policy.host_memory import ensure_memory
from replication.training.replay.frame_store import build_frame_store
from replication.training.replay.memory import NO_ACTION, TERMINATED, ReplayMemory
from replication.training.replay.priorities import check_state, state_kinds
from tests.support.lanes import smoke_run
from tests.support.prioritized import BOTH, config_of, drawable, memory_of, priorities_of, proportional, rank, renew
from tests.support.replay_scripts import (
    LAYOUTS,
    all_rows,
    expected_transitions,
    numbered_frame,
    numbers,
    play,
    scripts,
    told,
)


@settings(max_examples=100)
@given(
    script=scripts,
    layout=st.sampled_from(sorted(LAYOUTS)),
    capacity_rows=st.integers(11, 60),
    frame_stack=st.integers(1, 5),
    n_step=st.integers(1, 5),
    sampling=st.sampled_from(BOTH),
    seed=st.integers(0, 9),
)
def test_what_is_drawn_by_priority_is_the_references_and_all_of_it_can_be(
    script: Any, layout: str, capacity_rows: int, frame_stack: int, n_step: int, sampling: ReplaySampling, seed: int
) -> None:
    padding_rows, stores_end_frame, bootstraps = LAYOUTS[layout]
    memory = memory_of(
        sampling,
        capacity_rows=capacity_rows,
        frame_stack=frame_stack,
        n_step=n_step,
        padding_rows=padding_rows,
        stores_end_frame=stores_end_frame,
        truncation_bootstraps=bootstraps,
    )
    stream, append = np.random.default_rng(seed), memory.append

    def append_and_renew(*given: Any, **named: Any) -> None:
        append(*given, **named)
        if memory.rows_appended % 5 == 0 and memory.valid_acting_row(all_rows(memory)).any():
            renew(memory, memory.sample_by_priority(stream, 3, memory.rows_appended).rows, stream.random(3))

    memory.append = append_and_renew  # type: ignore[method-assign]
    laid = play(script, [memory])
    expected = expected_transitions(memory, laid, bootstraps)
    assert drawable(memory) == sorted(expected)
    if not expected:
        with pytest.raises(ReplicationError, match=f"holds {len(memory)} rows, none of which begins"):
            memory.sample_by_priority(stream, 1, 0)
        return
    batch = memory.sample_by_priority(stream, 7, 0)
    for i, row in enumerate(batch.rows.tolist()):
        found = (numbers(batch.states[i]), batch.actions[i], batch.rewards[i], batch.discounts[i])
        assert (*found, numbers(batch.next_states[i])) == expected[row]
    assert batch.weights.max() == 1.0 and (batch.weights > 0).all()


def test_priorities_that_are_all_zero_are_one_line() -> None:
    memory = memory_of(proportional(constant=0.0))
    told(memory, [0.0] * 8, 0)
    rows = memory.sample_by_priority(np.random.default_rng(0), 4, 0).rows
    renew(memory, np.arange(2, 6), [0.0] * 4)
    with pytest.raises(ReplicationError, match="every priority of the replay memory is zero"):
        memory.sample_by_priority(np.random.default_rng(0), 4, 4)
    renew(memory, rows[:1], [1.0])
    assert set(memory.sample_by_priority(np.random.default_rng(0), 4, 4).rows) == {rows[0]}


@pytest.mark.parametrize("sampling", BOTH)
def test_priorities_go_on_where_they_were_taken(sampling: ReplaySampling) -> None:
    whole, again = memory_of(sampling), memory_of(sampling)
    stream = np.random.default_rng(6)
    for i in range(9):
        told(whole, [1.0] * 6, TERMINATED)
        rows = whole.sample_by_priority(stream, 8, i).rows
        renew(whole, rows, stream.random(8))
    told(again, [0.5] * 30, 0)
    again.sample_by_priority(np.random.default_rng(0), 8, 3)
    renew(again, np.array([4, 9]), [70.0, 0.25])  # must be forgotten
    again.start_at(21)
    for _ in range(6):
        told(again, [1.0] * 6, TERMINATED)
    state = whole.priority_state()
    assert state is not None
    check_state(state)
    assert {name: (str(array.dtype), len(array)) for name, array in state.items()} == state_kinds(
        config_of(sampling, 40)
    )
    assert again.restore_priorities(state)
    for step in range(9, 80, 7):
        batches = [memory.sample_by_priority(np.random.default_rng(step), 8, step) for memory in (whole, again)]
        assert all(a.tobytes() == b.tobytes() for a, b in zip(*batches, strict=True))
        for memory in (whole, again):
            renew(memory, batches[0].rows, np.random.default_rng(step).random(8))
            told(memory, [1.0] * 6, TERMINATED)
    # Of other rows they are not.
    elsewhere = memory_of(sampling)
    told(elsewhere, [1.0] * 45, 0)
    assert not elsewhere.restore_priorities(state)


@pytest.mark.parametrize(
    ("name", "place", "value", "expected"),
    [
        ("raised", 3, np.nan, "'raised': found a number that is negative or not finite"),
        ("raised", 3, -1.0, "'raised': found"),
        ("priorities", 3, np.inf, "'priorities': found"),
        ("largest", 0, np.inf, "'largest': found"),
        ("first_draw_step", 0, -2, "'first_draw_step': found -2, expected a step, or -1"),
        ("known", 0, 10, "'known': found [10, 9], expected from and up to which row"),
        ("order", 0, 4, "'order': expected rows, each once, and after them only -1"),
        ("order", 1, 10, "'order': expected"),
        ("order", 1, -1, "'order': expected"),
        ("order", 1, -7, "'order': expected"),
    ],
)
def test_a_state_that_cannot_have_been_taken_is_refused(name: str, place: int, value: float, expected: str) -> None:
    sampling = rank() if name in ("order", "priorities") else proportional()
    state = {**priorities_of(sampling, [0.5, 0.25, 1.0, 0.125, 0.75, 0.0]).state(), "known": np.array([3, 9])}
    check_state(state)
    state[name][place] = value
    with pytest.raises(ReplicationError) as refused:
        check_state(state)
    assert expected in str(refused.value)


@pytest.mark.parametrize("sampling", BOTH)
def test_priorities_are_counted_in_bytes(sampling: ReplaySampling) -> None:
    memory, config = memory_of(sampling), config_of(sampling, 40)
    assert priority_bytes(config) == PRIORITY_BYTES[sampling.name] * 40
    without = ReplayMemory(
        capacity_rows=40,
        frame_stack=2,
        n_step=2,
        discount=0.5,
        frames=build_frame_store("raw", 40),
        padding_rows=0,
        stores_end_frame=True,
        truncation_bootstraps=True,
    )
    assert memory.nbytes - without.nbytes == priority_bytes(config)


@pytest.mark.parametrize("sampling", BOTH)
def test_priorities_count_in_what_a_machine_holds(
    sampling: ReplaySampling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uniform = smoke_run(preset=None)  # a million rows, of which the budget fills few
    config = uniform.variant.config | {"replay_sampling": sampling.model_dump()}
    run = replace(uniform, variant=uniform.variant.model_copy(update={"config": config}))
    each = PRIORITY_BYTES[sampling.name] * 1_000_000
    assert lanes_that_fit(run, 4_000_000_000, 0) <= 600_000_000 // each < lanes_that_fit(uniform, 4_000_000_000, 0)
    assert checkpoint_bytes(run) - checkpoint_bytes(uniform) == each
    for storage in ("raw", "lz4"):
        assert memory_text(run, storage).endswith(f"; priorities {each / 1e6:.1f} MB")
    machine = Machine(tmp_path, tmp_path, "cpu", "lz4", 600.0, None, quiet=True)
    monkeypatch.setattr(host_memory, "available_memory_bytes", lambda: each)
    ensure_memory([uniform], machine)
    ensure_memory([run], replace(machine, memory_bytes=2 * each))
    with pytest.raises(ReplicationError, match="memory: 1 replay memories"):
        ensure_memory([run], machine)


# ---------------------------------------------------------------- the newest


def test_the_newest_transitions_are_drawn_whatever_lies_between() -> None:
    memory = memory_of(proportional())
    told(memory, [0.0] * 5, TERMINATED)  # rows 0 to 4, end frame 5
    told(memory, [0.0], TERMINATED)  # row 6, end frame 7
    told(memory, [0.0] * 4, 0)  # rows 8 to 11; two steps on from 9 the next state is held
    assert memory.newest(4).rows.tolist() == [4, 6, 8, 9]
    assert memory.newest(6).rows.tolist() == [2, 3, 4, 6, 8, 9]
    with pytest.raises(ReplicationError, match="holds 12 rows, fewer than 7 of which begin a transition of 2 steps"):
        memory.newest(7)
    memory.append(numbered_frame(12), 0, 0.0, 0, starts_trajectory=False)
    assert memory.newest(2).rows.tolist() == [9, 10]
    assert memory.newest(2).weights.tolist() == [1.0, 1.0]
    told_more = memory_of(proportional(), capacity_rows=20)
    told(told_more, [0.0] * 47, 0)  # the write head is at row 7; the newest transition begins two rows before 6
    assert told_more.newest(3).rows.tolist() == [2, 3, 4]
    assert NO_ACTION not in told_more.newest(3).actions
