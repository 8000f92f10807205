"""What a tabular agent leaves of its episodes, and how it is asked to play them."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Played(NamedTuple):
    """Whole episodes, in order."""

    returns: NDArray[np.float64]
    """float64 [episodes], sums of rewards, undiscounted."""
    lengths: NDArray[np.int64]
    """int64 [episodes], in steps."""


class Player(Protocol):
    """The agent of one seed; what it has learned stays from one call to the next."""

    def __call__(self, purpose: str, episodes: int, steps: int, cap: int, epsilon: float, *, learns: bool) -> Played:
        """Play.

        Args:
            purpose: names the random stream.
            episodes: at most.
            steps: at most, over all episodes; -1: any number.
            cap: steps that truncate an episode; -1: none do.
            epsilon: share of random actions.
            learns: whether values move.

        Returns: the episodes that ended.
        """
