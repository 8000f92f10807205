"""Prioritized sampling of the rows of a replay memory (Schaul et al. 2016, Prioritized Experience Replay).

A row has a priority exactly while a transition begins there; the replay memory says which do. So no row has to be drawn
a second time, every slice of the probability gives one transition, and P is what the paper says. (Dopamine
gives a priority to each row that is written, and draws again outside of the slices: its
replay_memory/prioritized_replay_buffer.py, sample_index_batch.)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replication.foundation.errors import ReplicationError
from replication.specification.families.off_policy import (
    OffPolicyConfig,
    PrioritisedSampling,
    ProportionalSampling,
    RankSampling,
)
from replication.training.replay.priority_heap import ABSENT, PriorityHeap
from replication.training.replay.sum_tree import SumTree
from replication.training.schedules import importance_exponent_at

FIRST_PRIORITY = 1.0
"""The largest priority before any is known. Source: Schaul et al. 2016, algorithm 1, line 2 (p_1 = 1)."""

NOT_YET = -1
"""Step of an event that has not happened."""

PriorityState = Mapping[str, NDArray[Any]]
"""All that a checkpoint stores of priorities, by name."""


class Priorities(ABC):
    """The priorities of those rows of [0, capacity_rows) that begin a transition.

    A row enters at the largest priority so far, so that each transition is drawn soon (algorithm 1, line 6).
    """

    def __init__(self, sampling: PrioritisedSampling) -> None:
        """Start with no row that has a priority."""
        self._sampling = sampling
        self._first_draw_step = NOT_YET
        self._largest = FIRST_PRIORITY

    def draw(
        self, stream: np.random.Generator, batch_size: int, step: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Draw one row from each of `batch_size` equal slices of the probability, at an agent step.

        Returns: rows, int64 [batch]; their importance weights, float32 [batch].
        Raises:
            ReplicationError: no row can be drawn.
        """
        if self.nothing_to_draw:
            raise ReplicationError(
                "every priority of the replay memory is zero; replay_sampling.constant must be above zero"
            )
        if self._first_draw_step == NOT_YET:
            self._first_draw_step = step
        exponent = importance_exponent_at(step - self._first_draw_step, self._sampling)
        fractions = (np.arange(batch_size) + stream.random(batch_size)) / batch_size
        rows, likelihoods = self._rows_at(fractions, step)
        return rows, importance_weights(likelihoods, exponent)

    @abstractmethod
    def enter(self, rows: NDArray[np.int64]) -> None:
        """Add rows, int64 [n], that begin a transition from now on, whose loss is not known yet."""

    @abstractmethod
    def leave(self, rows: NDArray[np.int64]) -> None:
        """Remove rows, int64 [n], that begin no transition any more; those that did not are left alone."""

    @abstractmethod
    def renew(self, rows: NDArray[np.int64], priorities: NDArray[np.float32]) -> None:
        """Set the priorities that the loss found for rows, finite and not negative.

        Of a row drawn twice the last counts, as in Dopamine and DQN Zoo (replay.py, SumTree.set), which write them one
        after the other.
        """

    @abstractmethod
    def clear(self) -> None:
        """Remove the priorities of all rows."""

    @abstractmethod
    def lie_in(self, rows: NDArray[np.int64]) -> bool:
        """Return whether only these rows can be drawn."""

    @property
    @abstractmethod
    def nothing_to_draw(self) -> bool:
        """True where no row has a priority, or only rows of priority zero that are never drawn."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Memory in use, in bytes."""

    @abstractmethod
    def state(self) -> PriorityState:
        """Copy everything that `restore` needs to continue exactly."""

    @abstractmethod
    def restore(self, state: PriorityState) -> None:
        """Continue where `state` was taken; `check_state` must have passed it."""

    @abstractmethod
    def _rows_at(self, fractions: NDArray[np.float64], step: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Find the rows at these fractions of the cumulative probability.

        Returns: the rows, int64 [batch], and numbers above zero, [batch], that their probabilities are proportional to.
        """


class ProportionalPriorities(Priorities):
    """Priorities with P(i) ~ (priority + constant)^exponent (section 3.3, equation 1): the leaves of a sum tree."""

    def __init__(self, sampling: ProportionalSampling, capacity_rows: int) -> None:
        super().__init__(sampling)
        self._exponent = sampling.exponent
        self._constant = sampling.constant
        self._tree = SumTree(capacity_rows)

    def enter(self, rows: NDArray[np.int64]) -> None:
        self._tree.put(rows, np.full(len(rows), self._largest))

    def leave(self, rows: NDArray[np.int64]) -> None:
        self._tree.put(rows, np.zeros(len(rows)))

    def renew(self, rows: NDArray[np.int64], priorities: NDArray[np.float32]) -> None:
        # The largest is stored as p^exponent, like all the others; the first is 1 either way.
        raised = (priorities.astype(np.float64) + self._constant) ** self._exponent
        self._largest = max(self._largest, float(raised.max()))
        self._tree.put(rows, raised)

    def clear(self) -> None:
        self._tree.fill(np.zeros(len(self._tree.leaves)))

    def lie_in(self, rows: NDArray[np.int64]) -> bool:
        return bool(np.isin(np.flatnonzero(self._tree.leaves), rows).all())

    @property
    def nothing_to_draw(self) -> bool:
        return self._tree.total == 0.0

    @property
    def nbytes(self) -> int:
        return self._tree.nbytes

    def state(self) -> PriorityState:
        return {
            "raised": self._tree.leaves.copy(),
            "largest": np.array([self._largest]),
            "first_draw_step": np.array([self._first_draw_step]),
        }

    def restore(self, state: PriorityState) -> None:
        self._tree.fill(state["raised"])
        self._largest = float(state["largest"][0])
        self._first_draw_step = int(state["first_draw_step"][0])

    def _rows_at(self, fractions: NDArray[np.float64], step: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        rows = self._tree.find(fractions * self._tree.total)
        return rows, self._tree.leaves[rows]


class RankPriorities(Priorities):
    """Priorities with P(i) ~ 1 / rank(i)^exponent (section 3.3): ranks are places in a heap, sorted now and then.

    The slices are of the exact cumulative probability; the paper's are of a piecewise linear approximation to it, in
    which all ranks of a slice are as likely.
    """

    def __init__(self, sampling: RankSampling, capacity_rows: int) -> None:
        super().__init__(sampling)
        self._exponent = sampling.exponent
        self._sort_period_steps = sampling.sort_period_steps
        self._last_sort_step = NOT_YET
        self._heap = PriorityHeap(capacity_rows)
        ranks = np.arange(1, capacity_rows + 1, dtype=np.float64)
        self._cumulative = np.cumsum(ranks**-self._exponent)

    def enter(self, rows: NDArray[np.int64]) -> None:
        self._heap.put(rows, np.full(len(rows), self._largest, dtype=np.float32))

    def leave(self, rows: NDArray[np.int64]) -> None:
        self._heap.remove(rows)

    def renew(self, rows: NDArray[np.int64], priorities: NDArray[np.float32]) -> None:
        self._largest = max(self._largest, float(priorities.max()))
        self._heap.put(rows, priorities)

    def clear(self) -> None:
        self._heap = PriorityHeap(len(self._heap.order))

    def lie_in(self, rows: NDArray[np.int64]) -> bool:
        return bool(np.isin(self._heap.order[: len(self._heap)], rows).all())

    @property
    def nothing_to_draw(self) -> bool:
        return len(self._heap) == 0

    @property
    def nbytes(self) -> int:
        return self._heap.nbytes + self._cumulative.nbytes

    def state(self) -> PriorityState:
        return {
            "order": self._heap.order.copy(),
            "priorities": self._heap.priorities.copy(),
            "largest": np.array([self._largest]),
            "first_draw_step": np.array([self._first_draw_step]),
            "last_sort_step": np.array([self._last_sort_step]),
        }

    def restore(self, state: PriorityState) -> None:
        order = state["order"]
        self._heap.fill(order[order != ABSENT], state["priorities"])
        self._largest = float(state["largest"][0])
        self._first_draw_step = int(state["first_draw_step"][0])
        self._last_sort_step = int(state["last_sort_step"][0])

    def _rows_at(self, fractions: NDArray[np.float64], step: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        if self._last_sort_step == NOT_YET:
            self._last_sort_step = step
        if step - self._last_sort_step >= self._sort_period_steps:
            self._heap.sort()
            self._last_sort_step = step
        held = self._cumulative[: len(self._heap)]
        # A fraction that was rounded up to 1 would lie beyond the last rank.
        places = np.minimum(np.searchsorted(held, fractions * held[-1], side="right"), len(held) - 1)
        return self._heap.order[places].astype(np.int64), (places + 1.0) ** -self._exponent


def build_priorities(config: OffPolicyConfig) -> Priorities | None:
    """Build the priorities of the configured sampling; None: minibatches are not drawn by priority."""
    sampling, capacity_rows = config.replay_sampling, config.replay_capacity_rows
    if isinstance(sampling, ProportionalSampling):
        return ProportionalPriorities(sampling, capacity_rows)
    return RankPriorities(sampling, capacity_rows) if isinstance(sampling, RankSampling) else None


def importance_weights(likelihoods: NDArray[np.float64], exponent: float) -> NDArray[np.float32]:
    """Compute w_i = (N P(i))^-exponent / max_j w_j from likelihoods proportional to P; float32 [batch], at most 1.

    The number of transitions N and the sum of all likelihoods are the same for all, and cancel.

    Source: Schaul et al. 2016, section 3.4 and algorithm 1, line 10. The paper does not say which maximum; that of the
    minibatch is taken by Dopamine (jax/agents/rainbow/rainbow_agent.py:434) and by DQN Zoo (replay.py,
    importance_sampling_weights).
    """
    weights: NDArray[np.float64] = (likelihoods.min() / likelihoods) ** exponent
    return weights.astype(np.float32)


def state_kinds(config: OffPolicyConfig) -> dict[str, tuple[str, int]]:
    """Return the type and length of each array of `Priorities.state`; empty where sampling has no priorities."""
    sampling, rows = config.replay_sampling, config.replay_capacity_rows
    both = {"largest": ("float64", 1), "first_draw_step": ("int64", 1), "known": ("int64", 2)}
    if isinstance(sampling, ProportionalSampling):
        return {"raised": ("float64", rows)} | both
    if isinstance(sampling, RankSampling):
        return {"order": ("int32", rows), "priorities": ("float32", rows), "last_sort_step": ("int64", 1)} | both
    return {}


def check_state(state: PriorityState) -> None:
    """Check that a state of the right kinds is one that could have been taken.

    Raises:
        ReplicationError: it is not; names the array.
    """
    for name, array in state.items():
        if array.dtype.kind == "f" and not (np.isfinite(array) & (array >= 0.0)).all():
            raise ReplicationError(f"{name!r}: found a number that is negative or not finite")
        if name.endswith("_step") and array[0] < NOT_YET:
            raise ReplicationError(f"{name!r}: found {array[0]}, expected a step, or {NOT_YET} before the first")
    first, last = state["known"]
    if not 0 <= first <= last:
        raise ReplicationError(f"'known': found {[int(first), int(last)]}, expected from and up to which row")
    order = state.get("order")
    if order is not None:
        held = order[: np.count_nonzero(order != ABSENT)]
        if (held < 0).any() or (held >= len(order)).any() or len(np.unique(held)) < len(held):
            raise ReplicationError("'order': expected rows, each once, and after them only -1")
