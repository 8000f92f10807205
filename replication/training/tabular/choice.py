"""The choice of an action by its value, compiled: what the loops of all tabular agents share."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def choose(values: NDArray[np.float64], epsilon: float, first: bool, stream: np.random.Generator) -> int:
    """Choose a random action with probability epsilon, else one of those of the highest value.

    Args:
        values: float64 [actions].
        epsilon: share of random actions, each as likely, the greedy one among them.
        first: take the first of several of the highest value; False: each is as likely.
        stream: one number says whether the action is random, another which it is.
    """
    if stream.random() < epsilon:
        return int(stream.random() * len(values))
    highest, many = values[0], 0
    for value in values:
        if value > highest:
            highest, many = value, 1
        elif value == highest:
            many += 1
    left = 0 if first else int(stream.random() * many)
    for action in range(len(values)):
        if values[action] == highest:
            if left == 0:
                return action
            left -= 1
    return -1  # a value that is no number: nothing equals it
