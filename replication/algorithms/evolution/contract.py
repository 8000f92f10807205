"""What an algorithm of the evolution family provides: pure functions from returns to the next candidates.

The loop is `training/evolution/family.py`: it asks for candidates, plays an episode with each, and tells the returns.
What an algorithm knows from one round to the next is a state of its own, which nothing else looks into.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class EvolutionAlgorithm(Protocol):
    """A search in the space of a policy's weights. A round is its unit of training: an iteration, or an episode."""

    SCORES_MEAN: bool
    """True where a round ends with an episode of the policy that was learned, whose return is what is published; False:
    the return of its one candidate is."""
    DISCRETE_ACTIONS: bool
    """True where `act` gives the number of an action; False: a force between -1 and 1."""
    act: Callable[[Array, Array], float]
    """Compiled: act(weights, observation), of float64 [weights] and float64 [numbers], is the action."""

    def weights_of(self, config: Any, observed: int, actions: int) -> int:
        """Count the weights of a policy that sees so many numbers and has so many actions, or numbers in one."""

    def begin(self, config: Any, weights: int, stream: np.random.Generator) -> Any:
        """Return the state before anything is tried."""

    def candidates(self, state: Any, config: Any, stream: np.random.Generator) -> Array:
        """Return what is tried next, float64 [candidates, weights]."""

    def learn(self, state: Any, candidates: Array, returns: Array, config: Any, stream: np.random.Generator) -> Any:
        """Return the state after the candidates' returns, float64 [candidates], are known."""

    def learned(self, state: Any) -> Array:
        """Return the weights of the policy that a round ends with, float64 [weights]."""
