"""Prioritised sampling: what is drawn how often, with which weight; and which rows of a replay memory can be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replication.config import load_variant, variant_config
from replication.engine import room
from replication.engine.machine import Machine
from replication.engine.room import ensure_room
from replication.errors import ReplicationError
from replication.frame_store import build_frame_store
from replication.plan import (
    PRIORITY_BYTES,
    checkpoint_bytes,
    lanes_that_fit,
    memory_text,
    off_policy_config,
    priority_bytes,
)
from replication.priorities import (
    Priorities,
    PriorityState,
    build_priorities,
    check_state,
    importance_weights,
    state_kinds,
)
from replication.replay import NO_ACTION, TERMINATED, ReplayMemory
from replication.schedules import importance_exponent_at
from replication.settings import OffPolicyConfig, ProportionalSampling, RankSampling, ReplaySampling
from tests.lanes import smoke_run
from tests.test_replay import LAYOUTS, all_rows, expected_transitions, numbered_frame, numbers, play, scripts, told

CORRECTION = {"importance_exponent_start": 0.4, "importance_exponent_end": 1.0, "importance_steps": 100}


def proportional(**changes: Any) -> ProportionalSampling:
    return ProportionalSampling(**({"name": "proportional", "exponent": 0.5, "constant": 0.25} | CORRECTION | changes))


def rank(**changes: Any) -> RankSampling:
    return RankSampling(**({"name": "rank", "exponent": 0.7, "sort_period_steps": 50} | CORRECTION | changes))


BOTH = [proportional(), rank()]


def config_of(sampling: ReplaySampling, capacity_rows: int) -> OffPolicyConfig:
    changes = {"replay_sampling": sampling, "replay_capacity_rows": capacity_rows}
    return variant_config(load_variant("dqn"), OffPolicyConfig).model_copy(update=changes)


def priorities_of(sampling: ReplaySampling, found: list[float]) -> Priorities:
    """Rows 0, 1, ... with what the loss found for them."""
    built = build_priorities(config_of(sampling, len(found)))
    assert built is not None
    rows = np.arange(len(found))
    built.enter(rows)
    built.renew(rows, np.array(found, dtype=np.float32))
    return built


def memory_of(sampling: ReplaySampling, **changes: Any) -> ReplayMemory:
    layout = {"capacity_rows": 40, "frame_stack": 2, "n_step": 2, "discount": 0.5, "padding_rows": 0}
    layout |= {"stores_end_frame": True, "truncation_bootstraps": True} | changes
    built = build_priorities(config_of(sampling, layout["capacity_rows"]))
    return ReplayMemory(frames=build_frame_store("raw", layout["capacity_rows"]), priorities=built, **layout)


def renew(memory: ReplayMemory, rows: np.ndarray, found: Any) -> None:
    assert memory.priorities is not None
    memory.priorities.renew(rows, np.asarray(found, dtype=np.float32))


def drawn_from(memory: ReplayMemory) -> PriorityState:
    """The state in which the next draw finds the priorities."""
    if memory.valid_acting_row(all_rows(memory)).any():
        memory.sample_by_priority(np.random.default_rng(0), 1, 0)
    state = memory.priority_state()
    assert state is not None
    return state


def drawable(memory: ReplayMemory) -> list[int]:
    """The rows that can be drawn, whatever is said to be valid."""
    state = drawn_from(memory)
    return (
        np.flatnonzero(state["raised"]).tolist() if "raised" in state else sorted(set(state["order"].tolist()) - {-1})
    )


# ---------------------------------------------------------------- how often


def chi_square(counts: np.ndarray, probabilities: np.ndarray) -> float:
    expected = counts.sum() * probabilities
    return float(((counts - expected) ** 2 / expected).sum())


@pytest.mark.parametrize("exponent", [0.0, 0.6, 1.0])
def test_rows_are_drawn_in_proportion_to_their_raised_priorities(exponent: float) -> None:
    found = [0.0, 0.1, 0.5, 1.0, 3.0, 0.01, 0.0, 2.0, 0.3]
    built = priorities_of(proportional(exponent=exponent, constant=0.05), found)
    stream = np.random.default_rng(1)
    counts = np.bincount(np.concatenate([built.draw(stream, 1, 0)[0] for _ in range(20_000)]), minlength=9)
    raised = (np.array(found) + 0.05) ** exponent
    assert chi_square(counts, raised / raised.sum()) < 26.1  # 8 degrees of freedom, p = 0.001


@pytest.mark.parametrize("exponent", [0.0, 0.7, 1.0])
def test_rows_are_drawn_in_proportion_to_powers_of_their_rank(exponent: float) -> None:
    found = [0.3, 0.1, 0.5, 1.0, 3.0, 0.01, 0.0, 2.0, 0.4]
    built = priorities_of(rank(exponent=exponent), found)
    stream = np.random.default_rng(2)
    built.draw(stream, 1, 0)
    built.draw(stream, 1, 50)  # sorted: places are ranks from here on
    counts = np.bincount(np.concatenate([built.draw(stream, 1, 50)[0] for _ in range(20_000)]), minlength=9)
    likelihoods = (np.argsort(np.argsort(-np.array(found))) + 1.0) ** -exponent
    assert chi_square(counts, likelihoods / likelihoods.sum()) < 26.1


@pytest.mark.parametrize("sampling", [proportional(exponent=1.0), rank(exponent=0.0)])
def test_each_slice_of_the_probability_gives_one_transition(sampling: ReplaySampling) -> None:
    # All alike, and as many as are drawn: each once. Independent draws would repeat a third of them.
    built = priorities_of(sampling, [0.5] * 16)
    for seed in range(20):
        rows, _ = built.draw(np.random.default_rng(seed), 16, 0)
        assert sorted(rows.tolist()) == list(range(16))


def test_the_largest_shares_are_drawn_in_every_minibatch() -> None:
    # Row 0 has half of the probability: two or more of the four slices are all its own but for a border.
    built = priorities_of(proportional(exponent=1.0, constant=0.0), [4.0, 1.0, 1.0, 1.0, 1.0])
    for seed in range(50):
        rows, _ = built.draw(np.random.default_rng(seed), 4, 0)
        assert np.count_nonzero(rows == 0) == 2


def test_a_heap_is_sorted_once_in_a_period() -> None:
    built = priorities_of(rank(sort_period_steps=50), [0.0] * 8)
    stream = np.random.default_rng(0)
    for row, priority in ((3, 0.9), (4, 0.8), (5, 0.7), (6, 0.6), (7, 0.5)):
        built.renew(np.array([row]), np.array([priority], dtype=np.float32))
    built.draw(stream, 1, 100)
    heap = built.state()["order"].tolist()
    for step in (104, 148):
        built.draw(stream, 1, step)
        assert built.state()["order"].tolist() == heap
    built.draw(stream, 1, 152)
    assert built.state()["order"].tolist()[:5] == [3, 4, 5, 6, 7] != heap[:5]
    built.renew(np.array([0, 1]), np.array([0.95, 0.55], dtype=np.float32))
    heap = built.state()["order"].tolist()
    built.draw(stream, 1, 200)
    assert built.state()["order"].tolist() == heap
    built.draw(stream, 1, 202)
    assert built.state()["order"].tolist()[:7] == [0, 3, 4, 5, 6, 1, 7]


# ---------------------------------------------------------------- weights


def test_weights_worked_by_hand() -> None:
    # Likelihoods 1, 2 and 4: P is 1/7, 2/7, 4/7 of 3 transitions, so (N P)^-1 is 7/3, 7/6, 7/12.
    likelihoods = np.array([2.0, 1.0, 4.0])
    assert importance_weights(likelihoods, 1.0).tolist() == [0.5, 1.0, 0.25]
    assert importance_weights(likelihoods, 0.5).tolist() == pytest.approx([0.5**0.5, 1.0, 0.5])
    assert importance_weights(likelihoods, 0.0).tolist() == [1.0, 1.0, 1.0]
    assert importance_weights(likelihoods, 1.0).dtype == np.float32


@pytest.mark.parametrize("sampling", [proportional(exponent=0.5, constant=0.25), rank(exponent=0.5)])
def test_the_weights_of_a_draw_are_the_papers(sampling: ReplaySampling) -> None:
    found = [3.75, 0.75, 15.75, 0.0]  # with the constant 4, 1, 16, 1/4; their roots are 2, 1, 4, 1/2
    built = priorities_of(sampling, found)
    rows, weights = built.draw(np.random.default_rng(0), 6, 10)
    order = built.state().get("order")
    likelihoods = np.array([2.0, 1.0, 4.0, 0.5]) if order is None else (np.argsort(order) + 1.0) ** -0.5
    probabilities = likelihoods / likelihoods.sum()
    expected = (4 * probabilities[rows]) ** -0.4
    assert weights.tolist() == pytest.approx((expected / expected.max()).tolist())
    assert len(set(rows.tolist())) >= 3


def test_the_correction_grows_linearly_from_the_first_minibatch_on() -> None:
    at = [importance_exponent_at(steps, proportional()) for steps in (0, 25, 50, 100, 1_000)]
    assert at == pytest.approx([0.4, 0.55, 0.7, 1.0, 1.0])
    built = priorities_of(proportional(exponent=1.0, constant=0.0), [1.0, 4.0])
    stream = np.random.default_rng(0)
    # The first at step 500: of priorities 1 and 4, the larger has the weight 4^-beta.
    least = [built.draw(stream, 5, step)[1].min() for step in (500, 525, 600, 700)]
    assert least == pytest.approx([4**-0.4, 4**-0.55, 0.25, 0.25])


# ---------------------------------------------------------------- which priority a row has


@pytest.mark.parametrize("sampling", BOTH)
def test_new_rows_enter_at_the_largest_priority_so_far(sampling: ReplaySampling) -> None:
    memory = memory_of(sampling)
    told(memory, [0.0] * 8, 0)
    drawn = memory.sample_by_priority(np.random.default_rng(0), 4, 0).rows

    def stored() -> np.ndarray:
        state = drawn_from(memory)
        return (state["raised"] ** 2 - 0.25) if "raised" in state else state["priorities"]

    # Rows 2 to 5, of 8; 1 in all, the constant in it.
    assert stored()[2:6].tolist() == pytest.approx([0.75] * 4 if sampling.name == "proportional" else [1.0] * 4)
    renew(memory, drawn[:1], [6.0])
    renew(memory, drawn[:1], [0.5])
    memory.append(numbered_frame(8), 0, 0.0, 0, starts_trajectory=False)
    assert stored()[6] == pytest.approx(6.0)
    assert stored()[drawn[0]] == pytest.approx(0.5)


@pytest.mark.parametrize("sampling", BOTH)
def test_of_a_transition_drawn_twice_the_last_priority_counts(sampling: ReplaySampling) -> None:
    one, other = (priorities_of(sampling, [0.5] * 4) for _ in range(2))
    one.renew(np.array([2, 1, 2]), np.array([3.0, 2.0, 0.125], dtype=np.float32))
    other.renew(np.array([1]), np.array([2.0], dtype=np.float32))
    other.renew(np.array([2]), np.array([0.125], dtype=np.float32))
    for state in (one.state(), other.state()):
        kept = state["raised"] ** 2 - 0.25 if "raised" in state else state["priorities"]
        assert kept.tolist() == pytest.approx([0.5, 2.0, 0.125, 0.5])
    assert one.state()["largest"] > other.state()["largest"]  # one that did not stay counts as well


@pytest.mark.parametrize("sampling", BOTH)
def test_a_row_that_is_overwritten_loses_its_priority(sampling: ReplaySampling) -> None:
    memory = memory_of(sampling, capacity_rows=10)
    told(memory, [0.0] * 9, 0)
    memory.sample_by_priority(np.random.default_rng(0), 4, 0)
    renew(memory, np.array([4]), [50.0])
    # Rows appended to where row 4 is overwritten, then to where it begins a transition again.
    for number, expected in ((14, [7, 8, 9, 0, 1, 2]), (17, [0, 1, 2, 3, 4, 5])):
        while memory.rows_appended <= number:
            memory.append(numbered_frame(memory.rows_appended), 0, 0.0, 0, starts_trajectory=False)
        renew(memory, np.array([7]), [0.25])  # whatever it may hold now
        assert drawable(memory) == sorted(expected)
    state = drawn_from(memory)
    if "raised" in state:
        assert state["raised"][4] == pytest.approx(50.25**0.5)  # as a new row, at the largest


@pytest.mark.parametrize("sampling", BOTH)
def test_priorities_may_be_renewed_before_or_after_rows_are_appended(sampling: ReplaySampling) -> None:
    states = []
    for first in ("renew", "append"):
        memory = memory_of(sampling, capacity_rows=12)
        stream = np.random.default_rng(4)
        told(memory, [0.0] * 9, 0)
        for i in range(30):
            rows = memory.sample_by_priority(stream, 4, i).rows
            found = (rows * 7 + i) % 5 / 4
            if first == "renew":
                renew(memory, rows, found)
            for _ in range(i % 4):
                memory.append(numbered_frame(i), 0, 0.0, 0, starts_trajectory=False)
            if first == "append":
                renew(memory, rows, found)
        states.append({name: array.tobytes() for name, array in drawn_from(memory).items()})
    assert states[0] == states[1]


# ---------------------------------------------------------------- in a replay memory


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
        assert memory_text(off_policy_config(run), storage).endswith(f"; priorities {each / 1e6:.1f} MB")
    machine = Machine(tmp_path, tmp_path, "cpu", "lz4", 600.0, None, quiet=True)
    monkeypatch.setattr(room, "available_memory_bytes", lambda: each)
    ensure_room([uniform], off_policy_config(uniform), machine)
    with pytest.raises(ReplicationError, match="memory: 1 replay memories"):
        ensure_room([run], off_policy_config(run), machine)


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
