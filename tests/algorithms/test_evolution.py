"""CEM and hill climbing: what is drawn, what is kept, how a policy acts; by hand and against plain code."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from replication.algorithms.evolution import cem, hill_climbing
from replication.specification.families.evolution import CemConfig, HillClimbingConfig
from replication.specification.loading import load_variant


def cem_config(**changes: object) -> CemConfig:
    return CemConfig.model_validate(load_variant("cem").config | changes)


def climbing_config(**changes: object) -> HillClimbingConfig:
    return HillClimbingConfig.model_validate(load_variant("hill_climbing").config | changes)


def test_xe1_a_policy_is_sixteen_relu_units_and_a_tanh() -> None:
    config, stream = cem_config(), np.random.default_rng(1)
    assert cem.weights_of(config, observed=2, actions=1) == 65
    hidden, output = torch.nn.Linear(2, 16, dtype=torch.float64), torch.nn.Linear(16, 1, dtype=torch.float64)
    for _ in range(20):
        weights, seen = stream.standard_normal(65), stream.standard_normal(2)
        layer = torch.from_numpy(weights[:48].reshape(16, 3))
        with torch.no_grad():
            hidden.weight.copy_(layer[:, :2])
            hidden.bias.copy_(layer[:, 2])
            output.weight.copy_(torch.from_numpy(weights[48:64])[None])
            output.bias.fill_(weights[64])
            expected = float(torch.tanh(output(torch.relu(hidden(torch.from_numpy(seen))))))
        assert cem.act(weights, seen) == pytest.approx(expected, abs=1e-9)


def test_xe2_xe3_means_and_candidates_are_normal() -> None:
    config, stream = cem_config(samples=4_000), np.random.default_rng(2)
    assert np.std(cem.begin(config, 20_000, stream).mean) == pytest.approx(0.5, rel=0.02)
    state = cem.begin(config, 10, stream)
    tried = cem.candidates(state, config, stream)
    assert tried.shape == (4_000, 10)
    assert np.allclose(tried.mean(axis=0), state.mean, atol=0.04) and np.allclose(tried.std(axis=0), 0.5, rtol=0.05)


def test_xe3_the_spread_stays_or_is_that_of_the_elites_and_noise_that_decreases() -> None:
    stream = np.random.default_rng(3)
    for config in (cem_config(), CemConfig.model_validate(load_variant("cem_decreasing_noise").config)):
        state = cem.begin(config, 5, stream)
        for iteration in range(60):
            tried = cem.candidates(state, config, stream)
            returns = -np.square(tried - 3.0).sum(axis=1)
            best = tried[np.argsort(returns)[-10:]]
            state = cem.learn(state, tried, returns, config, stream)
            extra = max(0.25 - 0.005 * iteration, 0.0)
            expected = best.var(axis=0) + extra if config.fits_deviation else np.full(5, 0.25)
            assert np.allclose(state.variance, expected, rtol=1e-12)
        assert np.allclose(state.mean, 3.0, atol=0.5)


def test_xe4_the_next_mean_is_that_of_the_best_each_counted_alike() -> None:
    config = cem_config(samples=4, elites=2)
    tried = np.array([[1.0, 0.0], [2.0, 5.0], [3.0, 6.0], [9.0, 9.0]])
    state = cem.begin(config, 2, np.random.default_rng(4))
    found = cem.learn(state, tried, np.array([0.0, 7.0, 8.0, -1.0]), config, np.random.default_rng(5))
    assert found.mean.tolist() == [2.5, 5.5] and cem.learned(found).tolist() == [2.5, 5.5]
    assert (state.iteration, found.iteration) == (0, 1)


def test_hc1_the_action_is_that_of_the_greatest_softmax_of_equal_ones_the_first() -> None:
    stream = np.random.default_rng(6)
    for _ in range(200):
        weights, seen = stream.standard_normal((4, 2)), stream.standard_normal(4)
        preferences = seen @ weights
        shares = np.exp(preferences) / np.exp(preferences).sum()
        assert hill_climbing.act(weights.ravel(), seen) == float(np.argmax(shares))
    assert hill_climbing.act(np.zeros(8), np.ones(4)) == 0.0
    assert hill_climbing.weights_of(climbing_config(), observed=4, actions=2) == 8


def test_hc2_first_weights_are_almost_0() -> None:
    state = hill_climbing.begin(climbing_config(), 8_000, np.random.default_rng(7))
    assert 0.0 <= state.weights.min() < state.weights.max() <= 1e-4
    assert state.weights.mean() == pytest.approx(5e-5, rel=0.03) and state.best_return == -math.inf


def climbed(returns: list[float], **changes: object) -> list[hill_climbing.Search]:
    """The states after each of these returns, from the first on."""
    config, stream = climbing_config(**changes), np.random.default_rng(8)
    states = [hill_climbing.begin(config, 8, stream)]
    for each in returns:
        tried = hill_climbing.candidates(states[-1], config, stream)
        states.append(hill_climbing.learn(states[-1], tried, np.array([each]), config, stream))
    return states


def test_hc3_noise_is_halved_after_a_success_and_doubled_after_none_within_its_bounds() -> None:
    noises = [state.noise for state in climbed([9.0, 9.0, 9.0, 9.0, 9.0, 8.0, 8.0])]
    assert noises == [0.01, 0.005, 0.0025, 0.00125, 0.001, 0.001, 0.002, 0.004]
    assert climbed([9.0] + [1.0] * 20)[-1].noise == 2.0


def test_hc4_weights_move_upwards_alone_by_at_most_the_noise() -> None:
    states = climbed([9.0, 1.0, 2.0])
    for before, after in pairwise(states):
        moved = after.weights - before.best
        assert (moved >= 0.0).all() and (moved <= after.noise).all() and moved.max() > 0.0


def test_hc5_the_weights_that_succeeded_are_lost_unless_they_are_kept() -> None:
    """As in NumPy: `best_w = policy.w`, then `policy.w += noise`, which is one array."""
    first, success, failure, _ = climbed([9.0, 1.0, 1.0])
    assert (success.best == success.weights).all() and (success.best != first.weights).all()
    assert (failure.best == success.best).all() and failure.best_return == 9.0
    first, success, failure, _ = climbed([9.0, 1.0, 1.0], keeps_best=True)
    assert (success.best == first.weights).all() and (failure.best == first.weights).all()
    assert (success.weights > first.weights).all() and (hill_climbing.learned(failure) == first.weights).all()
