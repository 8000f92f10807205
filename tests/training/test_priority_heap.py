"""The heap of rows by priority, against a dictionary and an exact sort."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from replication.training.replay.priority_heap import ABSENT, PriorityHeap

CAPACITY = 24

changes = st.one_of(
    st.tuples(st.just("put"), st.lists(st.tuples(st.integers(0, CAPACITY - 1), st.integers(0, 9)), max_size=10)),
    st.tuples(st.just("remove"), st.lists(st.integers(0, CAPACITY - 1), max_size=6)),
    st.tuples(st.just("sort"), st.none()),
)


def rows_of(numbers: list[int]) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


def put(heap: PriorityHeap, priorities: list[tuple[int, float]]) -> None:
    heap.put(rows_of([row for row, _ in priorities]), np.array([p for _, p in priorities], dtype=np.float32))


def held(heap: PriorityHeap) -> list[int]:
    return heap.order[: len(heap)].tolist()


@given(st.lists(changes, max_size=30))
@example([("put", [(row, row % 7) for row in range(CAPACITY)]), ("remove", [0, 23, 5, 5]), ("sort", None)])
def test_a_heap_holds_what_a_dictionary_holds_and_no_parent_is_less_than_its_children(steps: list) -> None:
    heap, plain = PriorityHeap(CAPACITY), {}
    for name, given_ in steps:
        if name == "put":
            put(heap, given_)
            plain |= dict(given_)
        elif name == "remove":
            heap.remove(rows_of(given_))
            plain = {row: priority for row, priority in plain.items() if row not in given_}
        else:
            before = held(heap)
            heap.sort()
            assert held(heap) == sorted(before, key=lambda row: -plain[row])  # Python's sort is stable too
        order = held(heap)
        assert sorted(order) == sorted(plain) and (heap.order[len(heap) :] == ABSENT).all()
        assert heap.priorities.tolist() == [plain.get(row, 0) for row in range(CAPACITY)]
        assert all(plain[order[(place - 1) // 2]] >= plain[order[place]] for place in range(1, len(order)))


def test_a_heap_that_is_filled_goes_on_as_the_one_it_was_taken_from() -> None:
    stream = np.random.default_rng(0)
    heap, other = PriorityHeap(50), PriorityHeap(50)
    put(heap, [(int(row), float(stream.random())) for row in stream.permutation(50)[:30]])
    put(other, [(7, 9.0)])  # must be forgotten
    other.fill(heap.order[: len(heap)].copy(), heap.priorities.copy())
    for _ in range(40):
        given_ = [(int(stream.integers(50)), float(stream.integers(5))) for _ in range(4)]
        out = rows_of(stream.integers(0, 50, 2).tolist())
        for each in (heap, other):
            put(each, given_)
            each.remove(out)
        assert heap.order.tolist() == other.order.tolist()
        assert heap.priorities.tolist() == other.priorities.tolist()


def test_a_row_takes_twelve_bytes() -> None:
    assert PriorityHeap(1_000).nbytes == 12_000
