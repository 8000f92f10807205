"""The arrays of a cohort's lanes that their workers share with the main process: frames, counts and minibatches.

Each array has one entry a lane, [lanes, ...], so that the frames or the minibatches of all lanes can be handed on as
one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from replication.training.replay.frame_store import FRAME_SHAPE
from replication.training.replay.transitions import Transitions, array_kinds
from replication.training.workers.shared_memory import Layout, map_arrays

AT_END, ROWS_APPENDED, ITERATIONS, EPISODES_EVALUATED, EVALUATION_ENDED = range(5)
"""Columns of `counts`."""


class SharedLanes:
    """The shared arrays of a cohort's lanes.

    Attributes:
        stacks: uint8 [lanes, 84, 84, stack], the newest frames in training.
        evaluation_stacks: the same of the evaluation under way.
        counts: int64 [lanes, columns].
        recent_returns: float64 [lanes], NaN where there is none.
        priorities: float32 [lanes, batch], what the loss found for the minibatch drawn last.
        batches: Transitions whose arrays have a first axis [lanes]. `states` and `next_states` begin on a page each.
    """

    def __init__(self, memory: int, layout: Layout) -> None:
        """Map the memory that was made for the same layout."""
        arrays: dict[str, Any] = map_arrays(memory, layout)
        self.stacks: NDArray[np.uint8] = arrays.pop("stacks")
        self.evaluation_stacks: NDArray[np.uint8] = arrays.pop("evaluation_stacks")
        self.counts: NDArray[np.int64] = arrays.pop("counts")
        self.recent_returns: NDArray[np.float64] = arrays.pop("recent_returns")
        self.priorities: NDArray[np.float32] = arrays.pop("priorities")
        self.batches = Transitions(**arrays)

    def batch_of(self, place: int) -> Transitions:
        """Return the minibatch of one lane, as a view."""
        return Transitions(*(array[place] for array in self.batches))


def layout_of(lanes: int, batch_size: int, frame_stack: int, future_steps: int) -> Layout:
    """Return the shapes and types of the arrays of so many lanes."""
    stack = (*FRAME_SHAPE, frame_stack)
    batch = array_kinds(batch_size, frame_stack, future_steps)
    return {
        "stacks": ((lanes, *stack), "uint8"),
        "evaluation_stacks": ((lanes, *stack), "uint8"),
        "counts": ((lanes, EVALUATION_ENDED + 1), "int64"),
        "recent_returns": ((lanes,), "float64"),
        "priorities": ((lanes, batch_size), "float32"),
        **{name: ((lanes, *shape), dtype) for name, (shape, dtype) in batch.items()},
    }
