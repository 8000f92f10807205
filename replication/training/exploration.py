"""Epsilon-greedy exploration: from action values to an action."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def epsilon_greedy(
    epsilon: float, num_actions: int, values: Callable[[], NDArray[np.float32]], stream: np.random.Generator
) -> int:
    """Draw a uniformly random action with probability epsilon, else a greedy one; ties are broken uniformly.

    Args:
        epsilon: in [0, 1].
        num_actions: size of the minimal action set; random actions are drawn from all of it.
        values: returns Q(s, .), float32 [num_actions]; not called when the action is random.
        stream: the run's exploration stream.

    Source: google-deepmind/dqn dqn/NeuralQLearner.lua:368-412.
    """
    action = explore(epsilon, num_actions, stream)
    return greedy(values(), stream) if action is None else action


def explore(epsilon: float, num_actions: int, stream: np.random.Generator) -> int | None:
    """Draw a uniformly random action with probability epsilon; else return None: the action is the greedy one."""
    return int(stream.integers(num_actions)) if stream.random() < epsilon else None


def greedy(values: NDArray[np.float32], stream: np.random.Generator) -> int:
    """Choose the action of the largest value, float32 [num_actions]; among equal ones, uniformly at random."""
    (best,) = (values == values.max()).nonzero()
    # Drawing one of one would take nothing from the stream, but time.
    return int(best[0 if len(best) == 1 else stream.integers(len(best))])
