"""One repetition: transitions of random episodes, a network learned from them, and the test of its controller.

A repetition depends only on its variant's settings, its number of training episodes and its own number. Variants share
their random draws: with the same plant they learn from the same transitions, and their controllers face the same tests.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from replication.algorithms.fitted_q.nfq import WEIGHTS, Transitions, fitted_q_iteration, initial_weights, q_values
from replication.environments.pole.plant import advance, plant_constants
from replication.evidence.control_records import Repetition
from replication.foundation.random_streams import named_stream
from replication.specification.control_experiments import LearningSettings, Method, PlantSettings

_CYCLES_DRAWN = 250
"""Cycles whose noise is drawn at once."""
Array = NDArray[np.float64]


def repeat(method: Method, training_episodes: int, repetition: int) -> Repetition:
    """Make the transitions, learn from them, and test the controller.

    Args:
        method: settings.
        training_episodes: random episodes to learn from.
        repetition: its number, from 1: the seed of its random streams.
    """
    data = random_transitions(method, training_episodes, _stream(repetition, training_episodes, "transitions"))
    stream = _stream(repetition, training_episodes, "initialisation")
    weights = fitted_q_iteration(data, initial_weights(stream, method.learning), method.learning, stream)
    balanced = play_tests(weights, method, training_episodes, repetition)
    return Repetition(training_episodes, repetition, weights, data.failed.size, balanced)


def check_repetition(
    method: Method, training_episodes: int, repetition: int, weights: Array, *, learn_again: bool
) -> tuple[dict[str, Any], bool]:
    """Compute what the row of a repetition must hold, from its network.

    Args:
        method: settings.
        training_episodes: that it learned from.
        repetition: its number, from 1.
        weights: as they are stored, float64 [56].
        learn_again: learn the network again and compare its weights; else they are not checked.

    Returns: the row, and whether the weights are those that are learned.
    """
    if learn_again:
        learned = repeat(method, training_episodes, repetition)
        return learned.row(method.test.cycles), learned.weights.tobytes() == weights.tobytes()
    data = random_transitions(method, training_episodes, _stream(repetition, training_episodes, "transitions"))
    balanced = play_tests(weights, method, training_episodes, repetition)
    found = Repetition(training_episodes, repetition, weights, data.failed.size, balanced)
    return found.row(method.test.cycles), True


def play_tests(weights: Array, method: Method, training_episodes: int, repetition: int) -> NDArray[np.int64]:
    """Play the test episodes of a repetition, each until its pole falls or its time is over.

    Args:
        weights: of the network whose least value is the action, float64 [56].
        method: settings.
        training_episodes: of the repetition.
        repetition: its number, from 1.

    Returns: cycles after which the pole was up, int64 [episodes].
    """
    assert weights.shape == (WEIGHTS,)
    return _balanced_cycles(weights, method, _stream(repetition, training_episodes, "test"))


def random_transitions(method: Method, training_episodes: int, stream: np.random.Generator) -> Transitions:
    """Make the sample set D: episodes of random actions, side by side, each until its pole falls.

    Source: Riedmiller 2005, section 5.1, Learning System Setup.
    """
    plant, constants = method.plant, plant_constants(method.plant)
    forces = np.array(plant.forces_n)
    sampling = method.sampling
    theta, speed = _starts(stream, training_episodes, sampling.start_angle_rad, sampling.start_speed_rad_s)
    up = np.ones(training_episodes, dtype=bool)
    before, taken, after = [], [], []
    while up.any():
        actions = (forces.size * stream.random(training_episodes)).astype(np.int64)
        noise = _noise(stream.random(training_episodes), plant)
        state = np.stack([theta, speed])
        advance(theta, speed, forces[actions] + noise, constants, plant.substeps)
        before.append(state[:, up])
        taken.append(actions[up])
        after.append(np.stack([theta, speed])[:, up])
        up &= np.abs(theta) <= plant.fallen_rad
        theta[~up], speed[~up] = 0.0, 0.0  # episodes that are over stay in the range of the sines
    states, next_states = np.concatenate(before, axis=1), np.concatenate(after, axis=1)
    chosen = forces[np.concatenate(taken)]
    return Transitions(
        inputs=network_inputs(states, chosen, method.learning),
        next_inputs=np.stack(
            [network_inputs(next_states, np.full_like(chosen, force), method.learning) for force in forces]
        ),
        failed=np.abs(next_states[0]) > plant.fallen_rad,
    )


def network_inputs(states: Array, forces: Array, learning: LearningSettings) -> Array:
    """Build [3, patterns] from angle and angular velocity in rad and rad/s, [2, patterns], and the scaled force."""
    return np.vstack([states, forces / learning.force_scale_n])


def _balanced_cycles(weights: Array, method: Method, stream: np.random.Generator) -> NDArray[np.int64]:
    plant, test = method.plant, method.test
    constants, forces = plant_constants(plant), np.array(plant.forces_n)
    theta, speed = _starts(stream, test.episodes, test.start_angle_rad, test.start_speed_rad_s)
    balanced = np.zeros(test.episodes, dtype=np.int64)
    up = np.ones(test.episodes, dtype=bool)
    noise = np.empty((0, test.episodes))
    for cycle in range(test.cycles):
        if cycle % _CYCLES_DRAWN == 0:
            noise = _noise(stream.random((_CYCLES_DRAWN, test.episodes)), plant)
        force = forces[greedy_actions(weights, np.stack([theta, speed]), method)]
        advance(theta, speed, force + noise[cycle % _CYCLES_DRAWN], constants, plant.substeps)
        up &= np.abs(theta) <= plant.fallen_rad
        if not up.any():
            break
        balanced[up] += 1
        theta[~up], speed[~up] = 0.0, 0.0
    return balanced


def greedy_actions(weights: Array, states: Array, method: Method) -> NDArray[np.int64]:
    """Choose the action of least value, the first of equal ones: [2, states] to int64 [states]."""
    learning, forces = method.learning, method.plant.forces_n
    values = [q_values(weights, network_inputs(states, np.full(states.shape[1], force), learning)) for force in forces]
    actions: NDArray[np.int64] = np.stack(values).argmin(axis=0)
    return actions


def _starts(stream: np.random.Generator, episodes: int, angle_rad: float, speed_rad_s: float) -> tuple[Array, Array]:
    return angle_rad * (2.0 * stream.random(episodes) - 1.0), speed_rad_s * (2.0 * stream.random(episodes) - 1.0)


def _noise(drawn: Array, plant: PlantSettings) -> Array:
    """Convert numbers of [0, 1) to forces in N."""
    return plant.force_noise_n * (2.0 * drawn - 1.0)


def _stream(repetition: int, training_episodes: int, name: str) -> np.random.Generator:
    return named_stream(repetition, "pole", name, training_episodes)
