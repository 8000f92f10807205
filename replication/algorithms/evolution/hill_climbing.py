"""Hill climbing with noise that adapts: halved after an episode as good as the best, doubled after any other.

Source: udacity/deep-reinforcement-learning 561eec3 hill-climbing/Hill_Climbing.ipynb.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replication.specification.families.evolution import HillClimbingConfig

PAPER = "udacity/deep-reinforcement-learning, Hill Climbing with adaptive noise scaling, 2018"
Config = HillClimbingConfig
SCORES_MEAN = False
DISCRETE_ACTIONS = True

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Search:
    """What is tried next, and what it is moved from.

    weights: of the next episode, float64 [weights].
    best: what they are moved from after an episode that is no success, float64 [weights].
    best_return: of the best episode; minus infinity before the first.
    noise: the greatest part by which a weight was moved last.
    """

    weights: Array
    best: Array
    best_return: float
    noise: float


def weights_of(config: HillClimbingConfig, observed: int, actions: int) -> int:
    """Count the weights of the policy: a row for each number that is seen, a column for each action."""
    return observed * actions


def begin(config: HillClimbingConfig, weights: int, stream: np.random.Generator) -> Search:
    """Draw the first weights, almost 0."""
    first = config.start_weight * stream.random(weights)
    return Search(first, first, -math.inf, config.noise)


def candidates(state: Search, config: HillClimbingConfig, stream: np.random.Generator) -> Array:
    """Return the weights of the next episode, float64 [1, weights]."""
    return state.weights[None]


def learn(
    state: Search, candidates: Array, returns: Array, config: HillClimbingConfig, stream: np.random.Generator
) -> Search:
    """Move the weights: from where they are after a success, else from those of the best.

    Args:
        state: before the episode.
        candidates: its weights, float64 [1, weights].
        returns: its return, float64 [1].
        config: bounds and factor of the noise; whether the best weights are kept as they were.
        stream: draws the move, uniform from 0 to the noise, of each weight.
    """
    (tried,), found = candidates, float(returns[0])
    success = found >= state.best_return
    noise = (
        max(config.least_noise, state.noise / config.noise_factor)
        if success
        else min(config.greatest_noise, state.noise * config.noise_factor)
    )
    base = tried if success else state.best
    moved = base + noise * stream.random(base.size)
    if not success:
        return Search(moved, state.best, state.best_return, noise)
    return Search(moved, tried if config.keeps_best else moved, found, noise)


def learned(state: Search) -> Array:
    """Return the weights that others are moved from."""
    return state.best


@njit(cache=True, nogil=True)
def act(weights: Array, observation: Array) -> float:
    """Choose the action of the greatest preference, of equal ones the first; a softmax of them has the same order.

    Args:
        weights: [numbers, actions], a row after the other.
        observation: float64 [numbers].
    """
    actions = weights.size // observation.size
    best, greatest = 0, -math.inf
    for action in range(actions):
        preference = 0.0
        for number in range(observation.size):
            preference += observation[number] * weights[number * actions + action]
        if preference > greatest:
            best, greatest = action, preference
    return float(best)
