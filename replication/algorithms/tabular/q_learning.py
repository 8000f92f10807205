"""Q-learning: off-policy temporal-difference control (Watkins 1989).

Source: Sutton & Barto 2018, Reinforcement Learning: An Introduction, second edition, section 6.5.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replication.algorithms.tabular.values import highest
from replication.specification.families.tabular import OneStepConfig

PAPER = "Watkins 1989, Learning from Delayed Rewards, PhD thesis, University of Cambridge"
Config = OneStepConfig
LEARNER = "one_step"
CHOOSES_FIRST = False


@njit(cache=True, nogil=True)
def td_error(
    q_tm1: NDArray[np.float64],
    a_tm1: int,
    r_t: float,
    discount_t: float,
    q_t: NDArray[np.float64],
    a_t: int,
    epsilon: float,
) -> float:
    """Compute the bracket of equation 6.8, by whose step-size part Q(S_t, A_t) is moved.

        Q(S_t, A_t) <- Q(S_t, A_t) + alpha [R_t+1 + gamma max_a Q(S_t+1, a) - Q(S_t, A_t)]

    Args: as `contract.OneStepAlgorithm`; neither the next action nor epsilon has a part in it.
    """
    error: float = r_t + discount_t * highest(q_t) - q_tm1[a_tm1]
    return error
