"""The mountain car, compiled: the same numbers as Gymnasium's MountainCar-v0, for loops that take millions of steps.

Source: Sutton & Barto 2018, second edition, Example 10.1; Farama-Foundation/Gymnasium 1.4.0
gymnasium/envs/classic_control/mountain_car.py.
"""

from __future__ import annotations

from math import cos

import numpy as np
from numba import njit

POSITIONS = (-1.2, 0.5)
"""Left end, where the car stops, and the goal."""
VELOCITIES = (-0.07, 0.07)
"""Per step."""
STARTS = (-0.6, -0.4)
"""Ends of the range of positions in which an episode starts, at rest."""
NUM_ACTIONS = 3
"""Full throttle in reverse, none, full throttle forward."""
_FORCE, _GRAVITY = 0.001, 0.0025


@njit(cache=True, nogil=True)
def start_position(stream: np.random.Generator) -> float:
    """Draw where an episode starts."""
    return STARTS[0] + (STARTS[1] - STARTS[0]) * stream.random()


@njit(cache=True, nogil=True)
def step_car(position: float, velocity: float, action: int) -> tuple[float, float]:
    """Take a step, whose reward is -1.

    Args:
        position: between the left end and the goal.
        velocity: per step.
        action: 0 to 2.

    Returns: position and velocity after it; the episode has ended where the position is the goal.
    """
    velocity += (action - 1) * _FORCE - cos(3.0 * position) * _GRAVITY
    velocity = min(max(velocity, VELOCITIES[0]), VELOCITIES[1])
    position = min(max(position + velocity, POSITIONS[0]), POSITIONS[1])
    if position == POSITIONS[0] and velocity < 0.0:
        velocity = 0.0
    return position, velocity
