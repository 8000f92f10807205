"""Memory that the main process and the workers share: each lane's frames, counts and minibatch, at fixed places.

Each array has one entry a lane, [lanes, ...], so that the frames or the minibatches of all lanes can be handed on as
one. The memory is anonymous: it goes with the last process that holds it, however that ends.
"""

from __future__ import annotations

import math
import mmap
import os
import sys
import tempfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replication.training.replay.frame_store import FRAME_SHAPE
from replication.training.replay.transitions import Transitions, array_kinds

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

    def __init__(self, descriptor: int, lanes: int, batch_size: int, frame_stack: int, future_steps: int) -> None:
        """Map the memory that `shared_memory` made for the same numbers."""
        memory = mmap.mmap(descriptor, _bytes_needed(lanes, batch_size, frame_stack, future_steps))
        arrays: dict[str, Any] = {}
        place = 0
        for name, (shape, dtype) in _layout(lanes, batch_size, frame_stack, future_steps).items():
            arrays[name] = np.frombuffer(memory, dtype, math.prod(shape), place).reshape(shape)
            place += _whole_pages(arrays[name].nbytes)
        self.stacks: NDArray[np.uint8] = arrays.pop("stacks")
        self.evaluation_stacks: NDArray[np.uint8] = arrays.pop("evaluation_stacks")
        self.counts: NDArray[np.int64] = arrays.pop("counts")
        self.recent_returns: NDArray[np.float64] = arrays.pop("recent_returns")
        self.priorities: NDArray[np.float32] = arrays.pop("priorities")
        self.batches = Transitions(**arrays)

    def batch_of(self, place: int) -> Transitions:
        """Return the minibatch of one lane, as a view."""
        return Transitions(*(array[place] for array in self.batches))


def shared_memory(lanes: int, batch_size: int, frame_stack: int, future_steps: int) -> int:
    """Make memory of zeros for so many lanes; `SharedLanes` maps it, here and in workers.

    Returns: its file descriptor.
    """
    if sys.platform == "linux":  # not limited to the size of /dev/shm, which is small in containers
        descriptor = os.memfd_create("lanes")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, _bytes_needed(lanes, batch_size, frame_stack, future_steps))
    return descriptor


def _bytes_needed(lanes: int, batch_size: int, frame_stack: int, future_steps: int) -> int:
    layout = _layout(lanes, batch_size, frame_stack, future_steps).values()
    return sum(_whole_pages(math.prod(shape) * np.dtype(dtype).itemsize) for shape, dtype in layout)


def _layout(lanes: int, batch_size: int, frame_stack: int, future_steps: int) -> dict[str, tuple[tuple[int, ...], str]]:
    """Return the shape and type of each array, in the order in which they lie."""
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


def _whole_pages(size_bytes: int) -> int:
    return -(-size_bytes // mmap.PAGESIZE) * mmap.PAGESIZE
