"""Neural fitted Q iteration: its targets, network and Rprop against numbers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from replication.algorithms.fitted_q import nfq
from tests.support.pole_runs import config_of, quick_run

PUBLISHED_RPROP = np.array([1.2, 0.5, 0.1, 1e-6, 50.0])


def test_fq6_targets_by_hand():
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
def test_fq7_values_and_gradient_are_those_of_automatic_differentiation(patterns):
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


def test_fq8_inputs_are_the_state_and_the_scaled_force():
    config = config_of(quick_run())
    found = nfq.network_inputs(np.array([[0.1, 0.2], [-1.0, 2.0]]), np.array([-50.0, 50.0]), config)
    assert found.tolist() == [[0.1, 0.2], [-1.0, 2.0], [-1.0, 1.0]]


def test_fq9_initial_weights_are_uniform_around_0():
    config = config_of(quick_run())
    drawn = np.concatenate([nfq.initial_weights(np.random.default_rng(n), config) for n in range(200)])
    assert np.abs(drawn).max() <= 0.5
    assert np.quantile(drawn, [0.25, 0.5, 0.75]) == pytest.approx([-0.25, 0.0, 0.25], abs=0.02)


def test_fq13_rprop_by_hand():
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


def test_fq13_rprop_keeps_its_steps_within_bounds():
    weight, before, moved, step = np.zeros(1), np.zeros(1), np.zeros(1), np.array([49.0])
    for slope in (1.0, 1.0):
        nfq.rprop_step(weight, np.array([slope]), before, step, moved, PUBLISHED_RPROP)
    assert step[0] == 50.0
    step[0] = 1.5e-6
    nfq.rprop_step(weight, np.array([-1.0]), before, step, moved, PUBLISHED_RPROP)
    assert step[0] == 1e-6
