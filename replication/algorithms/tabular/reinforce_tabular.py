"""REINFORCE with a preference for each action, whatever the state, and a number as its baseline (Williams 1992).

Source: Sutton & Barto 2018, Reinforcement Learning: An Introduction, second edition, sections 13.3 and 13.4.
"""

from __future__ import annotations

from math import exp

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replication.algorithms.tabular.values import highest
from replication.specification.families.tabular import ReinforceTabularConfig

PAPER = "Williams 1992, Simple statistical gradient-following algorithms for connectionist reinforcement learning"
Config = ReinforceTabularConfig
LEARNER = "policy_gradient"


@njit(cache=True, nogil=True)
def policy(theta: NDArray[np.float64], least_probability: float) -> NDArray[np.float64]:
    """Compute the probabilities of the actions, float64 [actions].

        pi(a) = exp(theta_a) / sum_b exp(theta_b)

    Args:
        theta: preferences, float64 [actions].
        least_probability: an action below it has it, and the most probable one has what is left.

    Source: equation 13.2.
    """
    greatest = highest(theta)
    found = np.empty(len(theta))
    total, best = 0.0, 0
    for a in range(len(theta)):
        found[a] = exp(theta[a] - greatest)
        total += found[a]
        if theta[a] > theta[best]:
            best = a
    others = 0.0
    for a in range(len(theta)):
        found[a] = max(found[a] / total, least_probability)
        others += 0.0 if a == best else found[a]
    found[best] = 1.0 - others
    return found


@njit(cache=True, nogil=True)
def theta_change(
    probabilities: NDArray[np.float64], a_t: int, delta: float, discount_power: float
) -> NDArray[np.float64]:
    """Compute what theta is moved by, but for its step size.

        theta <- theta + alpha gamma^t delta grad ln pi(A_t),    d ln pi(A_t) / d theta_a = 1[a = A_t] - pi(a)

    Args:
        probabilities: of the actions, float64 [actions].
        a_t: the action that was taken.
        delta: G_t without a baseline, else G_t - w.
        discount_power: gamma^t.

    Source: the boxes of sections 13.3 and 13.4.
    """
    change = -probabilities
    change[a_t] += 1.0
    return change * (discount_power * delta)
