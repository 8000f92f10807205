"""SARSA: on-policy temporal-difference control (Rummery & Niranjan 1994).

Source: Sutton & Barto 2018, Reinforcement Learning: An Introduction, second edition, section 6.4.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replication.specification.families.tabular import OneStepConfig

PAPER = "Rummery & Niranjan 1994, On-Line Q-Learning Using Connectionist Systems, University of Cambridge"
Config = OneStepConfig
LEARNER = "one_step"
CHOOSES_FIRST = True


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
    """Compute the bracket of equation 6.7, by whose step-size part Q(S_t, A_t) is moved.

        Q(S_t, A_t) <- Q(S_t, A_t) + alpha [R_t+1 + gamma Q(S_t+1, A_t+1) - Q(S_t, A_t)]

    Args: as `contract.OneStepAlgorithm`; epsilon has no part in it.
    """
    following = 0.0 if discount_t == 0.0 else q_t[a_t]  # after the last step there is no next action
    error: float = r_t + discount_t * following - q_tm1[a_tm1]
    return error
