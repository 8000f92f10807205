"""The tree of sums against a plain list; integers, whose sums are exact, so that nothing has to be near."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from replication.training.replay.sum_tree import SumTree


def put(tree: SumTree, numbers: dict[int, float]) -> None:
    tree.put(np.array(list(numbers), dtype=np.int64), np.array(list(numbers.values()), dtype=np.float64))


@given(
    num_leaves=st.integers(1, 40),
    changes=st.lists(st.lists(st.tuples(st.integers(0, 39), st.integers(0, 6)), max_size=12), max_size=8),
)
@example(5, [[(0, 3), (0, 1), (4, 2)], [(0, 0)], [(4, 0)], [(1, 6), (2, 0), (3, 6)]])
def test_leaves_totals_and_shares_are_those_of_a_list(num_leaves: int, changes: list[list[tuple[int, int]]]) -> None:
    tree, plain = SumTree(num_leaves), [0] * num_leaves
    for change in changes:
        within = [(place, number) for place, number in change if place < num_leaves]
        tree.put(np.array([place for place, _ in within], dtype=np.int64), np.array([float(n) for _, n in within]))
        for place, number in within:  # of a place that is repeated, the last number counts
            plain[place] = number
        assert tree.leaves.tolist() == plain
        assert tree.total == sum(plain)
        if sum(plain):
            # The middle of each unit of the total: every leaf is found as many times as its number.
            found = tree.find(np.arange(sum(plain)) + 0.5)
            assert np.bincount(found, minlength=num_leaves).tolist() == plain


def test_the_borders_between_leaves_belong_to_the_one_after() -> None:
    tree = SumTree(4)
    put(tree, {0: 2.0, 1: 0.0, 2: 1.0, 3: 4.0})
    assert tree.find(np.array([0.0, 1.9, 2.0, 2.9, 3.0, 6.9])).tolist() == [0, 0, 2, 2, 3, 3]


@pytest.mark.parametrize("num_leaves", [1, 2, 7, 64, 100])
def test_a_leaf_of_zero_is_never_found_however_a_target_is_rounded(num_leaves: int) -> None:
    stream = np.random.default_rng(num_leaves)
    for _ in range(50):
        numbers = stream.random(num_leaves) * 10.0 ** stream.integers(-12, 12, num_leaves)
        numbers[stream.random(num_leaves) < 0.6] = 0.0
        numbers[stream.integers(num_leaves)] = 0.1
        tree = SumTree(num_leaves)
        tree.fill(numbers)
        borders = np.cumsum(numbers)
        targets = np.concatenate([borders, np.nextafter(borders, 0.0), np.nextafter(borders, np.inf), [tree.total]])
        assert (tree.leaves[tree.find(np.clip(targets, 0.0, tree.total))] > 0.0).all()


def test_no_rounding_error_outlives_a_change() -> None:
    stream = np.random.default_rng(3)
    tree, fresh = SumTree(1_000), SumTree(1_000)
    for _ in range(300):
        places = stream.integers(0, 1_000, 32)
        tree.put(places, stream.random(32) * 10.0 ** stream.integers(-15, 15, 32))
    fresh.fill(tree.leaves)
    assert tree._nodes.tobytes() == fresh._nodes.tobytes()
    put(tree, {place: 0.0 for place in range(1_000)})
    assert tree.total == 0.0
    put(tree, {5: 1e17, 6: 0.25})
    put(tree, {5: 0.5})
    assert tree.total == 0.75


def test_a_leaf_takes_sixteen_bytes() -> None:
    assert SumTree(1_000).nbytes == 16_000
