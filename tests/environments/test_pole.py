"""The pole: its exact arithmetic, and its equation against another integrator."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from replication.environments.pole.plant import advance, plant_constants
from replication.foundation.exact_arithmetic import cosine, sigmoid, sine
from replication.specification.loading import load_protocol


def test_the_series_are_the_functions():
    for x in np.linspace(-3.9, 3.9, 101):
        assert sine(x) == pytest.approx(math.sin(x), abs=1e-12)
        assert cosine(x) == pytest.approx(math.cos(x), abs=1e-11)
    for x in np.linspace(-39, 39, 101):
        assert sigmoid(x) == pytest.approx(1 / (1 + math.exp(-x)), rel=1e-9)
    assert 0 < sigmoid(-1e9) < 1e-17 and sigmoid(1e9) == 1


@pytest.mark.parametrize(("theta", "speed", "force"), [(0.0, 0.0, 50.0), (0.3, -1.0, -60.0), (-1.2, 2.5, 7.0)])
def test_fq1_fq3_a_cycle_of_the_plant_is_the_equation_integrated(theta, speed, force):
    def equation(_, state):
        angle, rate = state
        alpha = 1 / (2.0 + 8.0)
        above = 9.8 * math.sin(angle) - alpha * 2.0 * 0.5 * rate**2 * math.sin(2 * angle) / 2
        below = 4 * 0.5 / 3 - alpha * 2.0 * 0.5 * math.cos(angle) ** 2
        return rate, (above - alpha * math.cos(angle) * force) / below

    exact = solve_ivp(equation, (0.0, 0.1), (theta, speed), rtol=1e-10, atol=1e-12).y[:, -1]
    plant = load_protocol("pole_2005").training.plant
    one, other = np.array([theta]), np.array([speed])
    advance(one, other, np.array([force]), plant_constants(plant), plant.substeps)
    found = float(one[0]), float(other[0])
    assert found == pytest.approx(exact, abs=2e-4)
    assert found != pytest.approx((theta, speed), abs=1e-2)
