"""Expected SARSA: the next value in expectation over the policy (van Seijen et al. 2009).

Source: Sutton & Barto 2018, Reinforcement Learning: An Introduction, second edition, section 6.6.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replication.algorithms.tabular.values import highest, mean
from replication.specification.families.tabular import OneStepConfig

PAPER = "van Seijen, van Hasselt, Whiteson & Wiering 2009, A Theoretical and Empirical Analysis of Expected Sarsa"
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
    """Compute the bracket of equation 6.9, by whose step-size part Q(S_t, A_t) is moved.

        Q(S_t, A_t) <- Q(S_t, A_t) + alpha [R_t+1 + gamma sum_a pi(a|S_t+1) Q(S_t+1, a) - Q(S_t, A_t)]

    pi is epsilon-greedy: epsilon of it is uniform, the rest on the actions of the highest value, however many they are.

    Args: as `contract.OneStepAlgorithm`; the next action has no part in it.
    """
    expected = epsilon * mean(q_t) + (1.0 - epsilon) * highest(q_t)
    error: float = r_t + discount_t * expected - q_tm1[a_tm1]
    return error
