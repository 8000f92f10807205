"""Semi-gradient n-step SARSA with tile coding: a value is the sum of the weights of the tiles that a state lies in.

Source: Sutton & Barto 2018, Reinforcement Learning: An Introduction, second edition, sections 9.5.4, 10.1 and 10.2.
"""

from __future__ import annotations

from math import floor

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replication.specification.families.tabular import SarsaTilesConfig

PAPER = "Sutton 1996, Generalization in Reinforcement Learning: Successful Examples Using Sparse Coarse Coding, NIPS"
Config = SarsaTilesConfig
LEARNER = "semi_gradient"


@njit(cache=True, nogil=True)
def tile(value: float, low: float, high: float, tiles: int, tilings: int, offset: int) -> int:
    """Find the tile in which a number lies, in one dimension of one tiling.

    A tile is (high - low) / tiles wide, and the tiling is shifted by so many parts of a tile, of which a tile has as
    many as there are tilings. The first tile of a dimension is the one that holds `low`.

    Args:
        value: from low to high.
        low: least value.
        high: greatest value.
        tiles: of the range.
        tilings: how many there are.
        offset: of this tiling, in parts of a tile: its number times 1, 3, ... in the dimensions in turn.

    Returns: 0 to tiles.
    """
    scale = tilings * tiles / (high - low)
    return (floor(value * scale) + offset) // tilings - (floor(low * scale) + offset) // tilings


@njit(cache=True, nogil=True)
def value(weights: NDArray[np.float64], active: NDArray[np.int64], action: int) -> float:
    """Compute q(S, A, w), the sum of weights [tiles, actions] over the tiles of a state, int64 [tilings]."""
    total = 0.0
    for place in active:
        total += weights[place, action]
    return total


@njit(cache=True, nogil=True)
def n_step_return(rewards: NDArray[np.float64], first: int, count: int, discount: float, following: float) -> float:
    """Compute G, the target of an n-step update.

        G = R_tau+1 + gamma R_tau+2 + ... + gamma^(n-1) R_tau+n + gamma^n q(S_tau+n, A_tau+n, w)

    The weights are then moved by alpha [G - q(S_tau, A_tau, w)] grad q(S_tau, A_tau, w), which is 1 for the tiles of
    S_tau and 0 for all others.

    Args:
        rewards: a ring; the reward of step i stands at i modulo its length.
        first: step of R_tau+1.
        count: n, or the steps that are left of the episode.
        discount: gamma.
        following: q(S_tau+n, A_tau+n, w); 0 where the episode has ended by then.

    Source: equation 10.4.
    """
    total = following
    for step in range(first + count - 1, first - 1, -1):
        total = rewards[step % len(rewards)] + discount * total
    return total
