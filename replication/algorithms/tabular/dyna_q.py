"""Dyna-Q and Dyna-Q+: Q-learning that also learns from steps a model of the world makes up (Sutton 1990).

Source: Sutton & Barto 2018, Reinforcement Learning: An Introduction, second edition, sections 8.2 and 8.3.
"""

from __future__ import annotations

from math import sqrt

from numba import njit

from replication.algorithms.tabular.q_learning import td_error
from replication.specification.families.tabular import DynaConfig

PAPER = "Sutton 1990, Integrated Architectures for Learning, Planning, and Reacting, ICML"
Config = DynaConfig
LEARNER = "planning"
__all__ = ["LEARNER", "PAPER", "Config", "planned_reward", "td_error"]


@njit(cache=True, nogil=True)
def planned_reward(r: float, tau_steps: int, kappa: float) -> float:
    """Compute the reward of a step that is planned, not taken.

        r + kappa sqrt(tau)

    Args:
        r: the reward that the model holds.
        tau_steps: steps since the action was last taken in that state; since the start, where it never was.
        kappa: 0 for Dyna-Q.

    Source: section 8.3; the bonus has a part in planning alone.
    """
    return r + kappa * sqrt(tau_steps)
