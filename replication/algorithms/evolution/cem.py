"""The cross-entropy method: candidates around a mean, which becomes the mean of the best of them.

| text                                                          | here                                        |
| ------------------------------------------------------------- | ------------------------------------------- |
| x_1 ... x_n drawn from N(mu, sigma^2)                         | `candidates`                                |
| I, the n_elite of the highest returns                         | `elites`                                    |
| mu <- mean of x_i over I                                      | `learn`                                     |
| sigma^2 <- variance of x_i over I, + Z_t = max(a - t d, 0)    | `next_variance`                             |

Source: Rubinstein 1999; de Boer, Kroese, Mannor & Rubinstein 2005, A Tutorial on the Cross-Entropy Method; with
decreasing noise Z_t: Szita & Lorincz 2006, Learning Tetris Using the Noisy Cross-Entropy Method.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replication.foundation.exact_arithmetic import sigmoid
from replication.specification.families.evolution import CemConfig

PAPER = "Rubinstein 1999, The Cross-Entropy Method for Combinatorial and Continuous Optimization"
Config = CemConfig
SCORES_MEAN = True
DISCRETE_ACTIONS = False

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Search:
    """The distribution that candidates are drawn from.

    mean: mu, float64 [weights].
    variance: sigma^2 of each weight, float64 [weights].
    iteration: iterations behind it.
    """

    mean: Array
    variance: Array
    iteration: int


def weights_of(config: CemConfig, observed: int, actions: int) -> int:
    """Count the weights and biases of the policy: observation, `hidden_units`, actions."""
    return (observed + 1) * config.hidden_units + (config.hidden_units + 1) * actions


def begin(config: CemConfig, weights: int, stream: np.random.Generator) -> Search:
    """Draw the first mean around 0."""
    mean = config.start_deviation * stream.standard_normal(weights)
    return Search(mean, np.full(weights, config.deviation**2), 0)


def candidates(state: Search, config: CemConfig, stream: np.random.Generator) -> Array:
    """Draw x_i = mu + sigma z_i, float64 [samples, weights]."""
    return state.mean + np.sqrt(state.variance) * stream.standard_normal((config.samples, state.mean.size))


def learn(state: Search, candidates: Array, returns: Array, config: CemConfig, stream: np.random.Generator) -> Search:
    """Move the distribution to the elites.

    Args:
        state: that the candidates were drawn from.
        candidates: float64 [samples, weights].
        returns: of their episodes, float64 [samples].
        config: number of elites; whether the variance is theirs.
        stream: nothing is drawn.
    """
    best = elites(candidates, returns, config.elites)
    variance = next_variance(best, state.iteration, config) if config.fits_deviation else state.variance
    return Search(best.mean(axis=0), variance, state.iteration + 1)


def elites(candidates: Array, returns: Array, count: int) -> Array:
    """Choose the candidates of the highest returns, float64 [count, weights]; of equal returns the later ones."""
    return candidates[np.argsort(returns, kind="stable")[-count:]]


def next_variance(best: Array, iteration: int, config: CemConfig) -> Array:
    """Compute the variance of each weight over the elites, n in the denominator, plus Z_t.

    Z_t = max(a - t d, 0)

    Args:
        best: the elites, float64 [elites, weights].
        iteration: t, from 0.
        config: a and d, `extra_variance` and its decrease.

    Returns: float64 [weights].
    Source: Szita & Lorincz 2006, decreasing noise, where a is 5 and d is 1/10 on Tetris.
    """
    extra = max(config.extra_variance - iteration * config.extra_variance_decrease, 0.0)
    variance: Array = best.var(axis=0) + extra
    return variance


def learned(state: Search) -> Array:
    """Return the mean, whose episode is scored."""
    return state.mean


@njit(cache=True, nogil=True)
def act(weights: Array, observation: Array) -> float:
    """Compute the one action, tanh(w2 . relu(W1 x + b1) + b2), between -1 and 1.

    Args:
        weights: of each hidden unit those of its inputs and its bias, then those of the output and its bias.
        observation: x, float64 [numbers].
    """
    inputs = observation.size
    hidden = (weights.size - 1) // (inputs + 2)
    output = weights[weights.size - 1]
    for unit in range(hidden):
        first = unit * (inputs + 1)
        total = weights[first + inputs]
        for number in range(inputs):
            total += weights[first + number] * observation[number]
        if total > 0.0:
            output += weights[hidden * (inputs + 1) + unit] * total
    return 2.0 * sigmoid(2.0 * output) - 1.0
