"""A binary heap in an array, used as an approximately sorted array.

Source: Schaul et al. 2016, Prioritized Experience Replay, appendix B.2.1, "Rank-based prioritization".
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["ABSENT", "PriorityHeap"]

ABSENT = -1
"""Place of a row that is not in the heap, and row of a place that the heap does not reach."""


class PriorityHeap:
    """Rows of [0, capacity_rows) by priority, float32: no parent's is less than its children's, the first is largest.

    Attributes:
        order: int32 [capacity_rows], the rows from the first place on, then ABSENT.
        priorities: float32 [capacity_rows] by row, 0 where it is not in the heap.
    """

    def __init__(self, capacity_rows: int) -> None:
        """Start with an empty heap."""
        self.order = np.full(capacity_rows, ABSENT, dtype=np.int32)
        self.priorities = np.zeros(capacity_rows, dtype=np.float32)
        self._places = np.full(capacity_rows, ABSENT, dtype=np.int32)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def nbytes(self) -> int:
        """Memory in use, in bytes: 12 for each row."""
        return self.order.nbytes + self.priorities.nbytes + self._places.nbytes

    def put(self, rows: NDArray[np.int64], priorities: NDArray[np.float32]) -> None:
        """Insert rows, or move those that are in the heap; of a repeated row the last priority counts."""
        self._size = _put(self.order, self._places, self.priorities, self._size, rows, priorities)

    def remove(self, rows: NDArray[np.int64]) -> None:
        """Remove those of the rows that are in the heap."""
        self._size = _remove(self.order, self._places, self.priorities, self._size, rows)

    def sort(self) -> None:
        """Put the rows in the order of their priorities, the largest first; equal ones stay in their order."""
        held = self.order[: self._size].copy()
        self.fill(held[np.argsort(-self.priorities[held], kind="stable")], self.priorities.copy())

    def fill(self, rows: NDArray[np.int32], priorities: NDArray[np.float32]) -> None:
        """Hold exactly `rows` [n], in this order, with the priorities [capacity_rows] that they have."""
        self._size = len(rows)
        self.order[: self._size], self.order[self._size :] = rows, ABSENT
        self._places[:] = ABSENT
        self._places[rows] = np.arange(self._size, dtype=np.int32)
        self.priorities[:] = 0.0
        self.priorities[rows] = priorities[rows]


@njit(cache=True, nogil=True)
def _put(
    order: NDArray[np.int32],
    places: NDArray[np.int32],
    priorities: NDArray[np.float32],
    size: int,
    rows: NDArray[np.int64],
    given: NDArray[np.float32],
) -> int:
    for i in range(rows.size):
        row = rows[i]
        if places[row] == ABSENT:
            order[size], places[row] = row, size
            size += 1
        priorities[row] = given[i]
        _settle(order, places, priorities, size, places[row])
    return size


@njit(cache=True, nogil=True)
def _remove(
    order: NDArray[np.int32],
    places: NDArray[np.int32],
    priorities: NDArray[np.float32],
    size: int,
    rows: NDArray[np.int64],
) -> int:
    for row in rows:
        place = places[row]
        if place == ABSENT:
            continue
        size -= 1
        last = order[size]
        order[place], places[last] = last, place
        order[size], places[row], priorities[row] = ABSENT, ABSENT, 0.0
        if place < size:
            _settle(order, places, priorities, size, place)
    return size


@njit(cache=True, nogil=True)
def _settle(
    order: NDArray[np.int32], places: NDArray[np.int32], priorities: NDArray[np.float32], size: int, place: int
) -> None:
    """Move the row at `place` up while its parent's priority is less, then down while a child's is more."""
    row = order[place]
    priority = priorities[row]
    while place > 0:
        parent = (place - 1) // 2
        if priorities[order[parent]] >= priority:
            break
        order[place] = order[parent]
        places[order[place]] = place
        place = parent
    while 2 * place + 1 < size:
        child = 2 * place + 1
        if child + 1 < size and priorities[order[child + 1]] > priorities[order[child]]:
            child += 1
        if priorities[order[child]] <= priority:
            break
        order[place] = order[child]
        places[order[place]] = place
        place = child
    order[place] = row
    places[row] = place
