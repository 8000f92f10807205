"""Minibatches of transitions, as arrays."""

from __future__ import annotations

import sys
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replication.training.replay.frame_store import FRAME_SHAPE

PIXEL_BYTES = 4
"""Of one pixel of a stack of four frames, which every variant has: those of a uint32."""


class Transitions(NamedTuple):
    """A minibatch; its arrays belong to the caller, who may also have passed them to be filled."""

    states: NDArray[np.uint8]
    """[batch, 84, 84, stack], C-contiguous; newest frame last, zeros for frames before the trajectory's first."""
    actions: NDArray[np.int64]
    """[batch], indices into the game's actions."""
    rewards: NDArray[np.float32]
    """[batch], sum of discount^k times the k-th reward over the steps taken."""
    discounts: NDArray[np.float32]
    """[batch], discount to the power of the steps taken, or 0 where no value follows."""
    next_states: NDArray[np.uint8]
    """[batch, 84, 84, stack], like `states`; all zeros after a trajectory's end where no end row holds its frame."""
    rows: NDArray[np.int64]
    """[batch], physical rows of the actions."""
    weights: NDArray[np.float32]
    """[batch], importance weights of the losses, at most 1; all 1 where sampling is not by priority."""
    future_states: NDArray[np.uint8] = np.empty((0, 0), np.uint8)
    """[batch, steps, 84, 84, stack], the states one to `steps` steps later, zeros where the trajectory does not go on;
    of no steps, as the next two, where no loss is shown them."""
    future_actions: NDArray[np.int64] = np.empty((0, 0), np.int64)
    """[batch, steps], the actions taken in them; 0 where the trajectory does not go on."""
    future_goes_on: NDArray[np.float32] = np.empty((0, 0), np.float32)
    """[batch, steps], 1 until an action before that state or the one taken in it ends the trajectory, then 0."""


def empty_transitions(batch_size: int, frame_stack: int, future_steps: int = 0) -> Transitions:
    """Allocate arrays for so many transitions, not filled."""
    kinds = array_kinds(batch_size, frame_stack, future_steps)
    return Transitions(**{name: np.empty(shape, dtype) for name, (shape, dtype) in kinds.items()})


def array_kinds(batch_size: int, frame_stack: int, future_steps: int) -> dict[str, tuple[tuple[int, ...], str]]:
    """Return the shape and the type's name of each array of a batch, in the order of `Transitions`."""
    state = (*FRAME_SHAPE, frame_stack)
    return {
        "states": ((batch_size, *state), "uint8"),
        "actions": ((batch_size,), "int64"),
        "rewards": ((batch_size,), "float32"),
        "discounts": ((batch_size,), "float32"),
        "next_states": ((batch_size, *state), "uint8"),
        "rows": ((batch_size,), "int64"),
        "weights": ((batch_size,), "float32"),
        "future_states": ((batch_size, future_steps, *state), "uint8"),
        "future_actions": ((batch_size, future_steps), "int64"),
        "future_goes_on": ((batch_size, future_steps), "float32"),
    }


def interleave(frames: NDArray[np.uint8], which: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
    """Write frame which[i, j] of frames [n, 7056] as channel j of stack i of out [stacks, 7056, stack], contiguous."""
    if which.shape[1] == PIXEL_BYTES and sys.byteorder == "little":
        _interleave_four(frames, which, out.view(np.uint32)[:, :, 0])
    else:
        _interleave_any(frames, which, out)


@njit(cache=True, nogil=True)
def _interleave_any(frames: NDArray[np.uint8], which: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
    for i in range(which.shape[0]):
        stack = out[i]
        for j in range(which.shape[1]):
            frame = frames[which[i, j]]
            for pixel in range(frame.size):
                stack[pixel, j] = frame[pixel]


# Four bytes written as one number: the loop is vectorized, where single bytes four apart are not.
@njit(cache=True, nogil=True)
def _interleave_four(frames: NDArray[np.uint8], which: NDArray[np.int64], out: NDArray[np.uint32]) -> None:
    for i in range(which.shape[0]):
        stack = out[i]
        oldest, older, newer, newest = (
            frames[which[i, 0]],
            frames[which[i, 1]],
            frames[which[i, 2]],
            frames[which[i, 3]],
        )
        for pixel in range(stack.size):
            stack[pixel] = (
                np.uint32(oldest[pixel])
                | np.uint32(older[pixel]) << np.uint32(8)
                | np.uint32(newer[pixel]) << np.uint32(16)
                | np.uint32(newest[pixel]) << np.uint32(24)
            )
