"""The episodes of the pole: the states they start in, and the noise on the force of each cycle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from replication.specification.protocols import PlantSettings, PolePresentation

Array = NDArray[np.float64]


def start_states(stream: np.random.Generator, episodes: int, presentation: PolePresentation) -> tuple[Array, Array]:
    """Draw the states that episodes start in.

    Returns: angles in rad and angular velocities in rad/s, both float64 [episodes].
    """
    angle, speed = presentation.start_angle_rad, presentation.start_speed_rad_s
    return angle * (2.0 * stream.random(episodes) - 1.0), speed * (2.0 * stream.random(episodes) - 1.0)


def force_noise(drawn: Array, plant: PlantSettings) -> Array:
    """Convert numbers of [0, 1) to forces in N."""
    return plant.force_noise_n * (2.0 * drawn - 1.0)
