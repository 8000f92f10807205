"""Neural fitted Q iteration: its arithmetic, plant, targets and Rprop against numbers worked by hand; learning."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch.nn import functional

from replication.algorithms.fitted_q import nfq
from replication.environments.pole.plant import advance, plant_constants
from replication.foundation.exact_arithmetic import cosine, sigmoid, sine
from replication.foundation.paths import WORKFLOW
from replication.foundation.random_streams import named_stream
from replication.specification.control_experiments import NUMERICS_VERSION, Method, load_control_experiment
from replication.training.fitted_q import repetitions
from replication.training.fitted_q.repetitions import random_transitions, repeat

ROOT = WORKFLOW.parent
PUBLISHED_RPROP = np.array([1.2, 0.5, 0.1, 1e-6, 50.0])
QUICK = {"episodes": 20, "cycles": 300, "start_angle_rad": 0.2, "start_speed_rad_s": 0.2}


def method(variant: str = "as_printed", **learning: object) -> Method:
    """The settings of a variant, tested in a fraction of the time."""
    given = load_control_experiment("nfq_2005").method_of(variant)
    test = given.test.model_copy(update=QUICK)
    return given.model_copy(update={"test": test, "learning": given.learning.model_copy(update=learning)})


# ---------------------------------------------------------------- arithmetic and plant


def test_the_series_are_the_functions():
    for x in np.linspace(-3.9, 3.9, 101):
        assert sine(x) == pytest.approx(math.sin(x), abs=1e-12)
        assert cosine(x) == pytest.approx(math.cos(x), abs=1e-11)
    for x in np.linspace(-39, 39, 101):
        assert sigmoid(x) == pytest.approx(1 / (1 + math.exp(-x)), rel=1e-9)
    assert 0 < sigmoid(-1e9) < 1e-17 and sigmoid(1e9) == 1


def advanced(theta: float, speed: float, force: float, variant: str = "as_printed") -> tuple[float, float]:
    plant = method(variant).plant
    one, other = np.array([theta]), np.array([speed])
    advance(one, other, np.array([force]), plant_constants(plant), plant.substeps)
    return float(one[0]), float(other[0])


@pytest.mark.parametrize(("theta", "speed", "force"), [(0.0, 0.0, 50.0), (0.3, -1.0, -60.0), (-1.2, 2.5, 7.0)])
def test_a_cycle_of_the_plant_is_the_equation_integrated(theta, speed, force):
    def equation(_, state):
        angle, rate = state
        alpha = 1 / (2.0 + 8.0)
        above = 9.8 * math.sin(angle) - alpha * 2.0 * 0.5 * rate**2 * math.sin(2 * angle) / 2
        below = 4 * 0.5 / 3 - alpha * 2.0 * 0.5 * math.cos(angle) ** 2
        return rate, (above - alpha * math.cos(angle) * force) / below

    exact = solve_ivp(equation, (0.0, 0.1), (theta, speed), rtol=1e-10, atol=1e-12).y[:, -1]
    found = advanced(theta, speed, force)
    assert found == pytest.approx(exact, abs=2e-4)
    assert found != pytest.approx((theta, speed), abs=1e-2)


@pytest.mark.parametrize(("variant", "cycles"), [("as_printed", 8.9), ("short_pole", 6.1)])
def test_a_random_episode_is_as_long_as_the_details_say(variant, cycles):
    data = random_transitions(method(variant), 4_000, np.random.default_rng(1))
    assert data.failed.sum() == 4_000
    assert data.failed.size / 4_000 == pytest.approx(cycles, abs=0.15)
    assert any(f"{cycles} " in detail.here for detail in load_control_experiment("nfq_2005").details)


def test_transitions_are_what_the_plant_does():
    data = random_transitions(method(), 3, np.random.default_rng(2))
    assert data.inputs.shape == (3, data.failed.size) and data.next_inputs.shape == (3, 3, data.failed.size)
    assert (data.inputs[:2, :3] == 0).all()  # upright
    assert set(data.inputs[2]) <= {-1.0, 0.0, 1.0}
    assert (data.next_inputs[:, 2, 0] == [-1.0, 0.0, 1.0]).all()
    forces = 50 * data.inputs[2, :3]
    for episode in range(3):
        low, high = (advanced(0.0, 0.0, forces[episode] + noise)[1] for noise in (10.0, -10.0))
        assert low <= data.next_inputs[0, 1, episode] <= high
    assert ((np.abs(data.next_inputs[0, 0]) > math.pi / 2) == data.failed).all()


# ---------------------------------------------------------------- targets, network, Rprop


def test_targets_by_hand():
    q_next = np.array([[0.2, 0.9, 0.5], [0.4, 0.3, 0.5], [0.6, 0.8, 0.1]])
    found = nfq.targets(np.array([False, False, True]), q_next, 0.95)
    assert found == pytest.approx([0.95 * 0.2, 0.95 * 0.3, 1.0])


def torch_values(weights: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    layers = ((weights[:20], 5, 4), (weights[20:50], 5, 6), (weights[50:], 1, 6))
    found = inputs.T
    for flat, units, width in layers:
        matrix = flat.reshape(units, width)
        found = torch.sigmoid(functional.linear(found, matrix[:, 1:], matrix[:, 0]))
    return found[:, 0]


@pytest.mark.parametrize("patterns", [1, 257, 600])
def test_values_and_gradient_are_those_of_automatic_differentiation(patterns):
    stream = np.random.default_rng(patterns)
    weights, inputs = stream.normal(size=56), stream.normal(size=(3, patterns))
    target = stream.random(patterns)
    w = torch.tensor(weights, requires_grad=True)
    q = torch_values(w, torch.tensor(inputs))
    (0.5 * (q - torch.tensor(target)) ** 2).sum().backward()
    slope = np.full(56, np.nan)
    nfq.error_gradient(weights, inputs, target, slope)
    assert nfq.q_values(weights, inputs) == pytest.approx(q.detach().numpy(), rel=1e-9)
    assert slope == pytest.approx(w.grad.numpy(), rel=1e-8, abs=1e-12)


def test_rprop_by_hand():
    """One weight: the same sign twice, a change (the move is taken back), then a step that does not grow."""
    weight, before, moved, step = np.array([1.0]), np.zeros(1), np.zeros(1), np.array([0.1])
    expected = [
        (2.0, 1.0 - 0.1, 0.1),
        (3.0, 0.9 - 0.12, 0.12),
        (-1.0, 0.78 + 0.12, 0.06),  # backtracking: the last move reversed
        (-1.0, 0.90 + 0.06, 0.06),  # the slope before counts as zero
        (-5.0, 0.96 + 0.072, 0.072),
        (0.0, 1.032, 0.072),
    ]
    for slope, weight_after, step_after in expected:
        nfq.rprop_step(weight, np.array([slope]), before, step, moved, PUBLISHED_RPROP)
        assert weight[0] == pytest.approx(weight_after)
        assert step[0] == pytest.approx(step_after)


def test_rprop_keeps_its_steps_within_bounds():
    weight, before, moved, step = np.zeros(1), np.zeros(1), np.zeros(1), np.array([49.0])
    for slope in (1.0, 1.0):
        nfq.rprop_step(weight, np.array([slope]), before, step, moved, PUBLISHED_RPROP)
    assert step[0] == 50.0
    step[0] = 1.5e-6
    nfq.rprop_step(weight, np.array([-1.0]), before, step, moved, PUBLISHED_RPROP)
    assert step[0] == 1e-6


def test_the_main_loop_learns_targets_of_the_network_before(monkeypatch):
    """Fig. 1: the weights of an iteration are where the next one starts, and its targets are theirs."""
    data = random_transitions(method(), 20, np.random.default_rng(3))
    learning = method(iterations=3).learning
    first = nfq.initial_weights(np.random.default_rng(4), learning)
    found = nfq.fitted_q_iteration(data, first, learning, np.random.default_rng(5))
    weights = first
    for _ in range(3):
        q_next = np.stack([nfq.q_values(weights, inputs) for inputs in data.next_inputs])
        target = np.where(data.failed, 1.0, 0.95 * q_next.min(axis=0))
        weights = nfq.rprop_training(weights, data.inputs, target, learning)
    assert (found == weights).all()
    assert np.abs(first).max() <= 0.5
    anew = method(iterations=3, starts_anew=True).learning
    assert (nfq.fitted_q_iteration(data, first, anew, np.random.default_rng(5)) != found).any()


# ---------------------------------------------------------------- repetitions


def test_a_repetition_depends_on_its_number_alone():
    one, other, again = (repeat(method(), 50, number) for number in (1, 2, 1))
    assert one.weights.tobytes() == again.weights.tobytes()
    assert one.row(300) == again.row(300)
    assert one.weights.tobytes() != other.weights.tobytes()


FINGERPRINT = "ddcedde79c7b62e8"
"""Of a repetition's weights and balanced cycles; the same on every machine."""


def fingerprint() -> str:
    found = repeat(method(), 60, 3)
    return hashlib.sha256(found.weights.tobytes() + found.balanced_cycles.tobytes()).hexdigest()[:16]


def test_numbers_do_not_move_without_a_new_version():
    """Where a change is meant, raise NUMERICS_VERSION and take the new digest."""
    assert (NUMERICS_VERSION, fingerprint()) == (1, FINGERPRINT)


@pytest.mark.slow
def test_another_processor_gives_the_same_bytes(tmp_path):
    """Code for a processor with neither wide vectors nor fused operations."""
    command = f"from {__name__} import fingerprint; print(fingerprint())"
    machine = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, env=os.environ | machine, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == FINGERPRINT


def test_tests_do_not_depend_on_what_was_learned():
    """Starts and noise are those of the repetition: a controller that is worse does not shift them."""
    stream = named_stream(1, "pole", "test", 50)
    start = 0.2 * (2 * stream.random(20) - 1)
    constant = np.zeros(56)  # every value is 0.5, so the first action is taken until the pole falls
    for side in (-1.0, 1.0):
        pushed = method()
        plant = pushed.plant.model_copy(update={"forces_n": (side * 50.0, 0.0, -side * 50.0)})
        balanced = repetitions.play_tests(constant, pushed.model_copy(update={"plant": plant}), 50, 1)
        assert balanced.shape == (20,) and balanced.min() >= 1 and balanced.max() < 20
        # a push to the side it leans to keeps a pole up a little longer
        assert balanced[side * start > 0].mean() > balanced[side * start < 0].mean()


def successes(learned: Method) -> int:
    return sum(repeat(learned, 100, number).row(300)["successful"] == "yes" for number in range(1, 5))


def test_it_learns_to_balance():
    assert successes(method()) == 4


@pytest.mark.parametrize("fault", ["sign", "no bootstrapping", "fallen costs nothing"])
def test_a_broken_target_does_not_learn(monkeypatch, fault):
    broken = {
        "sign": lambda failed, q_next, discount: np.where(failed, -1.0, discount * q_next.min(axis=0)),
        "no bootstrapping": lambda failed, q_next, discount: np.where(failed, 1.0, 0.0),
        "fallen costs nothing": lambda failed, q_next, discount: discount * q_next.min(axis=0),
    }
    monkeypatch.setattr(nfq, "targets", broken[fault])
    assert successes(method()) <= 1
