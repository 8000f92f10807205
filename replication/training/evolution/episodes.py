"""Whole episodes, each of one policy's, on a compiled task."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(nogil=True)  # compiled anew in each process: numba caches no loop that is given functions
def play(
    begin: Callable[..., None],
    advance: Callable[..., tuple[float, bool]],
    act: Callable[..., float],
    numbers: int,
    policies: NDArray[np.float64],
    cap: int,
    stream: np.random.Generator,
) -> NDArray[np.float64]:
    """Play an episode with each policy, one after the other.

    Args:
        begin: of the task (environments/gymnasium/compiled.py).
        advance: of the task.
        act: of the algorithm (algorithms/evolution/contract.py).
        numbers: of the task's state.
        policies: float64 [policies, weights].
        cap: steps after which an episode is cut.
        stream: draws the starts.

    Returns: undiscounted returns, float64 [policies].
    """
    returns, state = np.zeros(len(policies)), np.zeros(numbers)
    for policy in range(len(policies)):
        begin(state, stream)
        for _ in range(cap):
            reward, ended = advance(state, act(policies[policy], state))
            returns[policy] += reward
            if ended:
                break
    return returns
