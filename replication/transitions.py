"""Minibatches of transitions, as arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from replication.frame_store import FRAME_SHAPE


class Transitions(NamedTuple):
    """A batch; its arrays are the caller's to keep, or those that the caller gave for it."""

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


def room_for(batch_size: int, frame_stack: int) -> Transitions:
    """Arrays for so many transitions, not filled."""
    states = (batch_size, *FRAME_SHAPE, frame_stack)
    return Transitions(
        states=np.empty(states, dtype=np.uint8),
        actions=np.empty(batch_size, dtype=np.int64),
        rewards=np.empty(batch_size, dtype=np.float32),
        discounts=np.empty(batch_size, dtype=np.float32),
        next_states=np.empty(states, dtype=np.uint8),
        rows=np.empty(batch_size, dtype=np.int64),
        weights=np.empty(batch_size, dtype=np.float32),
    )
