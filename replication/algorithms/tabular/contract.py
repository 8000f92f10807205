"""What a tabular algorithm provides: its update as a pure function of one step, and how its agent chooses.

The loops are in `training/tabular`; an algorithm names the one that it learns in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class OneStepAlgorithm(Protocol):
    """An algorithm that moves one value after each step, towards what the step and the next state say."""

    LEARNER: str
    """The module of training/tabular that learns with it."""
    CHOOSES_FIRST: bool
    """True where the next action is chosen before the update, which depends on it (SARSA); it is then taken."""
    td_error: Callable[[NDArray[np.float64], int, float, float, NDArray[np.float64], int, float], float]
    """Compiled: td_error(q_tm1, a_tm1, r_t, discount_t, q_t, a_t, epsilon), the part in brackets of the book's update.

    q_tm1 and q_t are the action values before and after the step, float64 [actions]; the discount is 0 where the step
    was the last; a_t is the next action, -1 where none is chosen yet or the episode has ended; epsilon is the share of
    random actions of the policy that chooses.
    """


class TwoTablesAlgorithm(Protocol):
    """An algorithm with two tables of action values, of which a toss of a coin says which is moved after a step."""

    LEARNER: str
    """The module of training/tabular that learns with it."""
    td_error: Callable[[NDArray[np.float64], int, float, float, int, NDArray[np.float64]], float]
    """Compiled: td_error(q1_tm1, a_tm1, r_t, discount_t, best_a_t, q2_t), the part in brackets of the book's update.

    q1 is the table that is moved, q2 the other one; action values before (tm1) and after (t) the step are float64
    [actions]; the discount is 0 where the step was the last; best_a_t is the action of the highest value of q1 after
    the step, one of them where there are several.
    """
