"""Neural fitted Q iteration (Riedmiller 2005): all transitions again and again, instead of one after the other.

| paper                                             | here                                               |
| ------------------------------------------------- | -------------------------------------------------- |
| D, the transition samples (s, u, s')              | `Transitions`                                      |
| Q_k, a multilayer perceptron                      | the weights, float64 [56]; `q_values`              |
| target_l, equation 1, second and third line       | `targets`                                          |
| Rprop training(P) (Riedmiller & Braun 1993)       | `rprop_training`, `rprop_step`                     |
| main loop, Fig. 1                                 | `fitted_q_iteration`                               |

Like DQN it replays stored experience and takes the target from an older network. Unlike DQN it has no minibatches:
every epoch goes through all of D, which makes it stable and slow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replication.foundation.exact_arithmetic import sigmoid
from replication.specification.families.fitted_q import FittedQConfig, RpropSettings

Config = FittedQConfig
INPUTS = 3
"""Angle, angular velocity, action."""
HIDDEN = 5
"""Units of either hidden layer: section 5.1."""
_LAYER = HIDDEN * (1 + INPUTS)
_BOTH = _LAYER + HIDDEN * (1 + HIDDEN)
WEIGHTS = _BOTH + 1 + HIDDEN
"""Of the whole network, layer by layer: for each unit its bias, then a weight for each of its inputs."""
FORBIDDEN_COST = 1.0
"""C-, the largest output of the network: section 3.3."""

_BLOCK = 256
"""Patterns that pass through the network together: they stay in the cache of a core."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Transitions:
    """The sample set D.

    inputs: s and u as the network takes them, float64 [3, transitions].
    next_inputs: s' with each action b, float64 [actions, 3, transitions].
    failed: true where s' is in S-, the forbidden states, bool [transitions].
    """

    inputs: Array
    next_inputs: Array
    failed: NDArray[np.bool_]


def fitted_q_iteration(data: Transitions, first: Array, config: FittedQConfig, stream: np.random.Generator) -> Array:
    """Run the main loop of NFQ, Fig. 1.

    Args:
        data: D.
        first: the weights of Q_0, float64 [56].
        config: the number of iterations N, the epochs of each, discount, Rprop.
        stream: draws the weights each iteration starts from, where the settings ask for new ones.

    Returns: the weights of Q_N, float64 [56].
    """
    weights = first
    for _ in range(config.iterations):
        q_next = np.stack([q_values(weights, inputs) for inputs in data.next_inputs])
        target = targets(data.failed, q_next, config.discount)
        start = initial_weights(stream, config) if config.starts_anew else weights
        weights = rprop_training(start, data.inputs, target, config)
    return weights


def network_inputs(states: Array, forces: Array, config: FittedQConfig) -> Array:
    """Build [3, patterns] from angle and angular velocity in rad and rad/s, [2, patterns], and the scaled force."""
    return np.vstack([states, forces / config.force_scale_n])


def greedy_actions(
    weights: Array, states: Array, forces_n: Sequence[float], config: FittedQConfig
) -> NDArray[np.int64]:
    """Choose the action of least value, the first of equal ones: [2, states] to int64 [states]."""
    count = states.shape[1]
    values = [q_values(weights, network_inputs(states, np.full(count, force), config)) for force in forces_n]
    actions: NDArray[np.int64] = np.stack(values).argmin(axis=0)
    return actions


def initial_weights(stream: np.random.Generator, config: FittedQConfig) -> Array:
    """Draw weights and biases, uniform around 0: float64 [56]."""
    return config.initial_weight * (2.0 * stream.random(WEIGHTS) - 1.0)


def targets(failed: NDArray[np.bool_], q_next: Array, discount: float) -> Array:
    """Compute equation 1 where S+ is to be kept: C- if s' is forbidden, else c + gamma min_b Q_k(s', b) with c = 0.

    Args:
        failed: true where s' is in S-, bool [transitions].
        q_next: Q_k(s', b), float64 [actions, transitions].
        discount: gamma, in [0, 1].

    Returns: float64 [transitions].
    Source: Riedmiller 2005, equation 1 and the text below it; section 5.1 for the costs.
    """
    assert q_next.shape[1:] == failed.shape
    return np.where(failed, FORBIDDEN_COST, discount * q_next.min(axis=0))


def rprop_training(weights: Array, inputs: Array, target: Array, config: FittedQConfig) -> Array:
    """Train on a pattern set for `epochs_per_iteration` epochs, with update-values that start anew.

    Args:
        weights: those that training starts from, float64 [56].
        inputs: float64 [3, patterns].
        target: float64 [patterns].
        config: epochs, Rprop.

    Returns: the trained weights, in another array, float64 [56].
    """
    learned = weights.copy()
    state, constants = np.zeros((4, WEIGHTS)), rprop_constants(config.rprop)
    _rprop_epochs(learned, inputs, target, config.epochs_per_iteration, state, constants)
    return learned


def rprop_constants(rprop: RpropSettings) -> Array:
    """Return eta+, eta-, the first, the least and the greatest update-value, for the compiled loop: float64 [5]."""
    return np.array([rprop.increase, rprop.decrease, rprop.first_step, rprop.least_step, rprop.greatest_step])


@njit(cache=True, error_model="numpy")
def _rprop_epochs(weights: Array, inputs: Array, target: Array, epochs: int, state: Array, constants: Array) -> None:
    slope, slope_before, step, moved = state[0], state[1], state[2], state[3]
    for w in range(step.size):
        step[w] = constants[2]
    for _ in range(epochs):
        error_gradient(weights, inputs, target, slope)
        rprop_step(weights, slope, slope_before, step, moved, constants)


@njit(cache=True, error_model="numpy")
def rprop_step(weights: Array, slope: Array, slope_before: Array, step: Array, moved: Array, constants: Array) -> None:
    """Take one step of Rprop with weight backtracking; all but `slope` and `constants` are updated in place.

    Where the slope keeps its sign the update-value grows; where it changes, the last move is taken back, the
    update-value shrinks, and the slope counts as zero in the next step.

    Args:
        weights: w, float64 [weights].
        slope: dE/dw of this epoch.
        slope_before: dE/dw of the last one, zeros at first.
        step: the update-values.
        moved: the last change of each weight, zeros at first.
        constants: of `rprop_constants`.

    Source: Riedmiller & Braun 1993, read in jeffheaton/encog-java-core 0df47cc ResilientPropagation.java
        (updateWeightPlus, "the classic RPROP algorithm") and in documentations that quote it, not in the paper itself.
    """
    increase, decrease, least, greatest = constants[0], constants[1], constants[3], constants[4]
    for w in range(weights.size):
        agreement = slope_before[w] * slope[w]
        if agreement < 0.0:
            step[w] = max(step[w] * decrease, least)
            moved[w] = -moved[w]
            slope_before[w] = 0.0
        else:
            if agreement > 0.0:
                step[w] = min(step[w] * increase, greatest)
            moved[w] = -step[w] if slope[w] > 0.0 else step[w] if slope[w] < 0.0 else 0.0
            slope_before[w] = slope[w]
        weights[w] += moved[w]


@njit(cache=True, error_model="numpy")
def error_gradient(weights: Array, inputs: Array, target: Array, slope: Array) -> None:
    """Compute the derivatives dE/dw of E = sum over patterns of (Q - target)^2 / 2, and write them into `slope`.

    Args:
        weights: float64 [56].
        inputs: float64 [3, patterns].
        target: float64 [patterns].
        slope: where the derivatives go, float64 [56].
    """
    for w in range(slope.size):
        slope[w] = 0.0
    x, h = np.empty((INPUTS, _BLOCK)), np.empty((HIDDEN, _BLOCK))
    k, q = np.empty((HIDDEN, _BLOCK)), np.empty((1, _BLOCK))
    error_h, error_k, error_q = np.empty((HIDDEN, _BLOCK)), np.empty((HIDDEN, _BLOCK)), np.empty((1, _BLOCK))
    for start in range(0, target.size, _BLOCK):
        size = min(_BLOCK, target.size - start)
        _copy_block(inputs, start, size, x)
        _forward(weights, x, h, k, q, size)
        for p in range(size):
            error_q[0, p] = (q[0, p] - target[start + p]) * q[0, p] * (1.0 - q[0, p])
        _backwards(weights[_BOTH:], error_q, k, error_k, size)
        _backwards(weights[_LAYER:_BOTH], error_k, h, error_h, size)
        _add_slopes(slope[:_LAYER], error_h, x, size)
        _add_slopes(slope[_LAYER:_BOTH], error_k, h, size)
        _add_slopes(slope[_BOTH:], error_q, k, size)


@njit(cache=True, error_model="numpy")
def q_values(weights: Array, inputs: Array) -> Array:
    """Compute Q of many states and actions, each in (0, 1).

    Args:
        weights: float64 [56].
        inputs: float64 [3, patterns].

    Returns: float64 [patterns].
    """
    values = np.empty(inputs.shape[1])
    x, h = np.empty((INPUTS, _BLOCK)), np.empty((HIDDEN, _BLOCK))
    k, q = np.empty((HIDDEN, _BLOCK)), np.empty((1, _BLOCK))
    for start in range(0, values.size, _BLOCK):
        size = min(_BLOCK, values.size - start)
        _copy_block(inputs, start, size, x)
        _forward(weights, x, h, k, q, size)
        for p in range(size):
            values[start + p] = q[0, p]
    return values


@njit(cache=True, error_model="numpy")
def _copy_block(inputs: Array, start: int, size: int, block: Array) -> None:
    for i in range(block.shape[0]):
        for p in range(size):
            block[i, p] = inputs[i, start + p]


@njit(cache=True, error_model="numpy")
def _forward(weights: Array, x: Array, h: Array, k: Array, q: Array, size: int) -> None:
    """Compute both hidden layers and the output of the first `size` patterns of a block."""
    _layer(weights[:_LAYER], x, h, size)
    _layer(weights[_LAYER:_BOTH], h, k, size)
    _layer(weights[_BOTH:], k, q, size)


@njit(cache=True, error_model="numpy")
def _layer(weights: Array, inputs: Array, outputs: Array, size: int) -> None:
    """Compute the sigmoids of a layer: [inputs, patterns] to [units, patterns]."""
    width = 1 + inputs.shape[0]
    for unit in range(outputs.shape[0]):
        w, out = weights[unit * width : (unit + 1) * width], outputs[unit]
        for p in range(size):
            out[p] = w[0]
        for i in range(1, width):
            x, factor = inputs[i - 1], w[i]
            for p in range(size):
                out[p] += factor * x[p]
        for p in range(size):
            out[p] = sigmoid(out[p])


@njit(cache=True, error_model="numpy")
def _backwards(weights: Array, errors: Array, outputs: Array, errors_below: Array, size: int) -> None:
    """Compute the errors of the layer below from a layer's errors and the outputs below; all [units, patterns]."""
    width = 1 + outputs.shape[0]
    for i in range(outputs.shape[0]):
        below, out = errors_below[i], outputs[i]
        for p in range(size):
            below[p] = 0.0
        for unit in range(errors.shape[0]):
            w, e = weights[unit * width + 1 + i], errors[unit]
            for p in range(size):
                below[p] += w * e[p]
        for p in range(size):
            below[p] *= out[p] * (1.0 - out[p])


@njit(cache=True, error_model="numpy")
def _add_slopes(slope: Array, errors: Array, inputs: Array, size: int) -> None:
    """Add the contribution of these patterns to the slopes of a layer's weights."""
    width = 1 + inputs.shape[0]
    for unit in range(errors.shape[0]):
        slope[unit * width] += _sum(errors[unit], size)
        for i in range(1, width):
            slope[unit * width + i] += _sum_of_products(errors[unit], inputs[i - 1], size)


@njit(cache=True, error_model="numpy")
def _sum(a: Array, size: int) -> float:
    """Sum in four parts, in a fixed order, so that additions need not wait for one another."""
    s0 = s1 = s2 = s3 = 0.0
    fours = size // 4 * 4
    for p in range(0, fours, 4):
        s0 += a[p]
        s1 += a[p + 1]
        s2 += a[p + 2]
        s3 += a[p + 3]
    for p in range(fours, size):
        s0 += a[p]
    return (s0 + s1) + (s2 + s3)


@njit(cache=True, error_model="numpy")
def _sum_of_products(a: Array, b: Array, size: int) -> float:
    """Sum a times b, in the order of `_sum`."""
    s0 = s1 = s2 = s3 = 0.0
    fours = size // 4 * 4
    for p in range(0, fours, 4):
        s0 += a[p] * b[p]
        s1 += a[p + 1] * b[p + 1]
        s2 += a[p + 2] * b[p + 2]
        s3 += a[p + 3] * b[p + 3]
    for p in range(fours, size):
        s0 += a[p] * b[p]
    return (s0 + s1) + (s2 + s3)
