"""Tasks of Gymnasium as compiled functions, for agents that play thousands of whole episodes in a run.

Positions and speeds are float64 throughout, as in Gym of 2018 (Gymnasium rounds those of the continuous mountain car to
float32 after each step), and sines and cosines are those of foundation/exact_arithmetic.py: every machine plays the
same episode to the last bit, and a library's differ from them by less than 1e-11.

Source: Farama-Foundation/Gymnasium 1.4.0 gymnasium/envs/classic_control/continuous_mountain_car.py and cartpole.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replication.foundation.exact_arithmetic import cosine, sine

State = NDArray[np.float64]


class CompiledTask(NamedTuple):
    """One task; its state is what is observed."""

    numbers: int
    """Of the state, float64 [numbers]."""
    discrete_actions: int
    """How many actions there are, numbered from 0; 0: an action is a force between -1 and 1."""
    begin: Callable[[State, np.random.Generator], None]
    """Compiled: begin(state, stream) draws the start of an episode into `state`."""
    advance: Callable[[State, float], tuple[float, bool]]
    """Compiled: advance(state, action) moves `state` by a step, and gives its reward and whether the task ended it."""


_CAR_LEFT, _CAR_RIGHT, _CAR_GOAL, _CAR_SPEED = -1.2, 0.6, 0.45, 0.07
_CAR_POWER, _CAR_GRAVITY = 0.0015, 0.0025


@njit(cache=True, nogil=True)
def begin_car(state: State, stream: np.random.Generator) -> None:
    """Draw a position from -0.6 to -0.4, at rest."""
    state[0] = -0.6 + 0.2 * stream.random()
    state[1] = 0.0


@njit(cache=True, nogil=True)
def advance_car(state: State, action: float) -> tuple[float, bool]:
    """Advance the car by a push; 100 for the goal, less a tenth of the square of each action."""
    force = min(max(action, -1.0), 1.0)
    velocity = state[1] + force * _CAR_POWER - _CAR_GRAVITY * cosine(3.0 * state[0])
    velocity = min(max(velocity, -_CAR_SPEED), _CAR_SPEED)
    position = min(max(state[0] + velocity, _CAR_LEFT), _CAR_RIGHT)
    if position == _CAR_LEFT and velocity < 0.0:
        velocity = 0.0
    state[0], state[1] = position, velocity
    ended = position >= _CAR_GOAL and velocity >= 0.0
    return (100.0 if ended else 0.0) - 0.1 * action * action, ended


_GRAVITY, _POLE_KG, _TOTAL_KG, _HALF_POLE_M, _FORCE_N, _SECONDS = 9.8, 0.1, 1.1, 0.5, 10.0, 0.02
_POLE_MOMENT = _POLE_KG * _HALF_POLE_M
_FALLEN_RAD, _TRACK_END_M = 12.0 * 2.0 * np.pi / 360.0, 2.4


@njit(cache=True, nogil=True)
def begin_cart_pole(state: State, stream: np.random.Generator) -> None:
    """Draw each of the four numbers from -0.05 to 0.05."""
    for number in range(4):
        state[number] = -0.05 + 0.1 * stream.random()


@njit(cache=True, nogil=True)
def advance_cart_pole(state: State, action: float) -> tuple[float, bool]:
    """Advance by a push to the right where the action is 1, else to the left: an Euler step; 1 for each step."""
    x, x_dot, theta, theta_dot = state[0], state[1], state[2], state[3]
    force = _FORCE_N if action == 1.0 else -_FORCE_N
    cos_theta, sin_theta = cosine(theta), sine(theta)
    part = (force + _POLE_MOMENT * (theta_dot * theta_dot) * sin_theta) / _TOTAL_KG
    denominator = _HALF_POLE_M * (4.0 / 3.0 - _POLE_KG * (cos_theta * cos_theta) / _TOTAL_KG)
    theta_acceleration = (_GRAVITY * sin_theta - cos_theta * part) / denominator
    x_acceleration = part - _POLE_MOMENT * theta_acceleration * cos_theta / _TOTAL_KG
    state[0], state[1] = x + _SECONDS * x_dot, x_dot + _SECONDS * x_acceleration
    state[2], state[3] = theta + _SECONDS * theta_dot, theta_dot + _SECONDS * theta_acceleration
    return 1.0, abs(state[0]) > _TRACK_END_M or abs(state[2]) > _FALLEN_RAD


COMPILED_TASKS = {
    "cart_pole": CompiledTask(4, 2, begin_cart_pole, advance_cart_pole),
    "mountain_car_continuous": CompiledTask(2, 0, begin_car, advance_car),
}
"""By the name of the task."""
