"""Prioritized sampling: what is drawn how often, with which weight, and which priority a row has."""

from __future__ import annotations

import numpy as np
import pytest

from replication.specification.families.off_policy import ReplaySampling
from replication.training.replay.priorities import importance_weights
from replication.training.schedules import importance_exponent_at
from tests.support.prioritized import BOTH, drawable, drawn_from, memory_of, priorities_of, proportional, rank, renew
from tests.support.replay_scripts import numbered_frame, told

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


def test_pr5_weights_worked_by_hand() -> None:
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
