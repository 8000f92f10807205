"""The test of a learned controller: episodes near upright, each until its pole falls or its time is over."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from replication.algorithms.fitted_q.nfq import WEIGHTS, greedy_actions
from replication.environments.pole.episodes import force_noise, start_states
from replication.environments.pole.plant import advance, plant_constants
from replication.specification.families.fitted_q import FittedQConfig
from replication.specification.protocols import PolePresentation

_CYCLES_DRAWN = 250
"""Cycles whose noise is drawn at once."""


def balanced_cycles(
    weights: NDArray[np.float64],
    presentation: PolePresentation,
    config: FittedQConfig,
    episodes: int,
    stream: np.random.Generator,
) -> NDArray[np.int64]:
    """Play test episodes, side by side.

    Args:
        weights: of the network whose least value is the action, float64 [56].
        presentation: where they start, and after how many cycles they are over.
        config: settings of the algorithm.
        episodes: their number.
        stream: draws starts and noise; what is drawn does not depend on the weights.

    Returns: cycles after which the pole was up, int64 [episodes].
    """
    assert weights.shape == (WEIGHTS,) and presentation.episode_cap_cycles is not None
    plant, constants = presentation.plant, plant_constants(presentation.plant)
    forces = np.array(plant.forces_n)
    theta, speed = start_states(stream, episodes, presentation)
    balanced = np.zeros(episodes, dtype=np.int64)
    up = np.ones(episodes, dtype=bool)
    noise = np.empty((0, episodes))
    for cycle in range(presentation.episode_cap_cycles):
        if cycle % _CYCLES_DRAWN == 0:
            noise = force_noise(stream.random((_CYCLES_DRAWN, episodes)), plant)
        force = forces[greedy_actions(weights, np.stack([theta, speed]), plant.forces_n, config)]
        advance(theta, speed, force + noise[cycle % _CYCLES_DRAWN], constants, plant.substeps)
        up &= np.abs(theta) <= plant.fallen_rad
        if not up.any():
            break
        balanced[up] += 1
        theta[~up], speed[~up] = 0.0, 0.0
    return balanced
