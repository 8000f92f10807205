"""A binary tree of sums, in which leaves are changed and found by cumulative sum in logarithmic time.

Source: Schaul et al. 2016, Prioritized Experience Replay, appendix B.2.1, "Proportional prioritization".
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["SumTree"]


class SumTree:
    """A tree over leaves, float64 and not negative, all zero at first.

    Each inner node is the sum of its two children as they are, never a running total: a tree follows from its leaves
    alone, whatever they were before, and no rounding error outlives a change. A total of n leaves is off by at
    most log2(n) roundings, a part in 10^14 of a million. (Dopamine adds differences, and tolerates what they leave.)
    """

    def __init__(self, num_leaves: int) -> None:
        """Lay out the nodes: node i has children 2 i and 2 i + 1, the root is node 1, the leaves are the last half."""
        self._nodes = np.zeros(2 * num_leaves, dtype=np.float64)

    @property
    def total(self) -> float:
        """The sum of all leaves."""
        return float(self._nodes[1])

    @property
    def leaves(self) -> NDArray[np.float64]:
        """All leaves, as a view that must not be written."""
        return self._nodes[len(self._nodes) // 2 :]

    @property
    def nbytes(self) -> int:
        """Memory in use, in bytes: 16 for each leaf."""
        return self._nodes.nbytes

    def put(self, places: NDArray[np.int64], numbers: NDArray[np.float64]) -> None:
        """Set the leaves at `places` [n] to `numbers` [n]; of a place that is repeated, the last number counts."""
        _put(self._nodes, places, numbers)

    def fill(self, numbers: NDArray[np.float64]) -> None:
        """Set all leaves; the tree is bit for bit as if by `put`."""
        self.leaves[:] = numbers
        _add_up(self._nodes)

    def find(self, targets: NDArray[np.float64]) -> NDArray[np.int64]:
        """Find the leaf in which each target, in [0, total], falls when all leaves are laid end to end in one order.

        A leaf of zero is never found, not even where a target was rounded up to the total.
        """
        assert self.total > 0.0
        found = np.empty(len(targets), dtype=np.int64)
        _find(self._nodes, targets, found)
        return found


@njit(cache=True, nogil=True)
def _put(nodes: NDArray[np.float64], places: NDArray[np.int64], numbers: NDArray[np.float64]) -> None:
    first_leaf = nodes.size // 2
    for i in range(places.size):
        node = first_leaf + places[i]
        nodes[node] = numbers[i]
        while node > 1:
            node //= 2
            nodes[node] = nodes[2 * node] + nodes[2 * node + 1]


@njit(cache=True, nogil=True)
def _add_up(nodes: NDArray[np.float64]) -> None:
    for node in range(nodes.size // 2 - 1, 0, -1):
        nodes[node] = nodes[2 * node] + nodes[2 * node + 1]


@njit(cache=True, nogil=True)
def _find(nodes: NDArray[np.float64], targets: NDArray[np.float64], found: NDArray[np.int64]) -> None:
    first_leaf = nodes.size // 2
    for i in range(targets.size):
        node, target = 1, targets[i]
        while node < first_leaf:
            node *= 2
            # To the right only if the sum there is not zero: a target may be rounded up to the total.
            if target >= nodes[node] and nodes[node + 1] > 0.0:
                target -= nodes[node]
                node += 1
        found[i] = node - first_leaf
