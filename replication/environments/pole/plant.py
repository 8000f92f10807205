"""The plant: a pole on a cart, kept from falling by forces on the cart (Lagoudakis & Parr 2003, section 9.2).

    alpha = 1 / (m + M)
    theta'' = (g sin theta - alpha m l theta'^2 sin(2 theta) / 2 - alpha cos theta u)
              / (4 l / 3 - alpha m l cos^2 theta)

Position and velocity of the cart are no part of it. The simulator that Lagoudakis and Parr released computes the same,
sridharmahadevan/PVF 24df381 pendulum/pendulum.m:23-36, and so does rlpy/rlpy 0962f96 rlpy/Domains/CartPoleBase.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replication.foundation.exact_arithmetic import cosine, sine
from replication.specification.protocols import PlantSettings


def plant_constants(plant: PlantSettings) -> NDArray[np.float64]:
    """Compute the constants of `advance`: g, alpha, alpha m l, 4 l / 3 and the length of a substep, float64 [5]."""
    alpha = 1.0 / (plant.pole_kg + plant.cart_kg)
    length = plant.equation_length_m
    substep_s = plant.cycle_s / plant.substeps
    return np.array([plant.gravity_m_s2, alpha, alpha * plant.pole_kg * length, 4.0 * length / 3.0, substep_s])


@njit(cache=True, error_model="numpy")
def angular_acceleration(theta: float, speed: float, force: float, constants: NDArray[np.float64]) -> float:
    """Compute the angular acceleration theta'' in rad/s^2 from angle (rad), angular velocity (rad/s) and force (N)."""
    g, alpha, alpha_m_l = constants[0], constants[1], constants[2]
    sin, cos = sine(theta), cosine(theta)
    # sin(2 theta) / 2 = sin theta cos theta
    pull = g * sin - alpha_m_l * speed * speed * (sin * cos) - alpha * cos * force
    theta_dot_dot: float = pull / (constants[3] - alpha_m_l * cos * cos)
    return theta_dot_dot


@njit(cache=True, error_model="numpy")
def advance(
    theta: NDArray[np.float64],
    speed: NDArray[np.float64],
    force: NDArray[np.float64],
    constants: NDArray[np.float64],
    substeps: int,
) -> None:
    """Advance many poles by one control cycle, in place: the classical Runge-Kutta method, the force held constant.

    Args:
        theta: angles in rad, float64 [poles].
        speed: angular velocities in rad/s, float64 [poles].
        force: on the carts in N, their noise included, float64 [poles].
        constants: of `plant_constants`.
        substeps: in a cycle.
    """
    h = constants[4]
    for _ in range(substeps):
        for pole in range(theta.size):
            x, v, u = theta[pole], speed[pole], force[pole]
            a1 = angular_acceleration(x, v, u, constants)
            v2 = v + 0.5 * h * a1
            a2 = angular_acceleration(x + 0.5 * h * v, v2, u, constants)
            v3 = v + 0.5 * h * a2
            a3 = angular_acceleration(x + 0.5 * h * v2, v3, u, constants)
            v4 = v + h * a3
            a4 = angular_acceleration(x + h * v3, v4, u, constants)
            theta[pole] = x + h / 6.0 * (v + 2.0 * v2 + 2.0 * v3 + v4)
            speed[pole] = v + h / 6.0 * (a1 + 2.0 * a2 + 2.0 * a3 + a4)
