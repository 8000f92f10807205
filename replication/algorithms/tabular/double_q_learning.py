"""Double Q-learning: one table says which action is best, another what it is worth (van Hasselt 2010).

Source: Sutton & Barto 2018, Reinforcement Learning: An Introduction, second edition, section 6.7.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replication.specification.families.tabular import TabularConfig

PAPER = "van Hasselt 2010, Double Q-learning, NIPS"
Config = TabularConfig
LEARNER = "two_tables"


@njit(cache=True, nogil=True)
def td_error(
    q1_tm1: NDArray[np.float64],
    a_tm1: int,
    r_t: float,
    discount_t: float,
    best_a_t: int,
    q2_t: NDArray[np.float64],
) -> float:
    """Compute the bracket of equation 6.10, by whose step-size part Q1(S_t, A_t) is moved.

        Q1(S_t, A_t) <- Q1(S_t, A_t) + alpha [R_t+1 + gamma Q2(S_t+1, argmax_a Q1(S_t+1, a)) - Q1(S_t, A_t)]

    Args: as `contract.TwoTablesAlgorithm`.
    """
    error: float = r_t + discount_t * q2_t[best_a_t] - q1_tm1[a_tm1]
    return error
