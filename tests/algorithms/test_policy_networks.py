"""Networks with a policy and a value: their shapes, their start, and how actions are drawn (rows A1, A2, A3, A13)."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from replication.algorithms.policy_networks import (
    PolicyNetwork,
    entropies,
    fill_orthogonal,
    log_probabilities,
    sampled,
)
from replication.specification.loading import load_variant

ACTIONS = 6


def filled(variant: str) -> PolicyNetwork:
    config = load_variant(variant).settings
    network = PolicyNetwork(config, ACTIONS, num_values=1)
    fill_orthogonal(network, np.random.default_rng(5), config)
    return network


def test_ac1_pb1_layers_are_those_of_the_nature_network_with_two_outputs() -> None:
    shapes = {name: list(tensor.shape) for name, tensor in filled("a2c").named_parameters() if tensor.ndim > 1}
    assert list(shapes.values()) == [
        [32, 4, 8, 8],
        [64, 32, 4, 4],
        [64, 64, 3, 3],
        [512, 3136],
        [ACTIONS, 512],
        [1, 512],
    ]
    outputs = filled("a2c")(torch.zeros(2, 4, 84, 84, dtype=torch.uint8))
    assert [tuple(part.shape) for part in outputs] == [(2, ACTIONS), (2, 1)]


@pytest.mark.parametrize(("variant", "policy_gain"), [("a2c", 1.0), ("ppo_baselines", 0.01)])
def test_ac2_ac3_pb1_every_weight_matrix_is_orthogonal_with_the_gain_of_its_layer(
    variant: str, policy_gain: float
) -> None:
    network = filled(variant)
    gains = {network.policy: policy_gain, network.values: 1.0}
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            weight = layer.weight.detach().double().flatten(1)  # [outputs, inputs], fewer outputs than inputs
            gain = gains.get(layer, math.sqrt(2.0))
            torch.testing.assert_close(
                weight @ weight.T, gain**2 * torch.eye(len(weight), dtype=torch.float64), rtol=0.0, atol=1e-5
            )
            assert layer.bias is not None and not layer.bias.any()


def test_equal_streams_fill_equally_and_others_do_not() -> None:
    config = load_variant("a2c").settings
    one, same, other = (PolicyNetwork(config, ACTIONS, 1) for _ in range(3))
    for network, seed in ((one, 1), (same, 1), (other, 2)):
        fill_orthogonal(network, np.random.default_rng(seed), config)
    assert torch.equal(one.policy.weight, same.policy.weight)
    assert not torch.equal(one.policy.weight, other.policy.weight)


def test_ac13_actions_are_drawn_with_the_probabilities_of_the_policy() -> None:
    probabilities, draws = np.array([0.5, 0.3, 0.15, 0.05]), 20_000
    logits = torch.log(torch.tensor(probabilities, dtype=torch.float32)).expand(draws, -1) + 7.0
    uniforms = torch.from_numpy(np.random.default_rng(2).random((draws, 4), dtype=np.float32))
    counts = np.bincount(sampled(logits, uniforms), minlength=4)
    expected = draws * probabilities
    # Chi-square with three degrees of freedom: above 16.3 in one of a thousand.
    assert ((counts - expected) ** 2 / expected).sum() < 16.3


def test_equal_draws_choose_the_likeliest_action() -> None:
    logits = torch.from_numpy(np.random.default_rng(2).normal(size=(50, 4)).astype(np.float32))
    assert torch.equal(sampled(logits, torch.full((50, 4), 0.5)), logits.argmax(dim=1))
    # 0 is the least that is drawn: such an action is never taken, and nothing is not a number.
    assert sampled(torch.zeros(1, 2), torch.tensor([[0.0, 0.5]])).item() == 1


def test_probabilities_and_entropy_are_those_of_the_softmax() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25]], dtype=torch.float64)) - 3.0
    assert log_probabilities(logits, torch.tensor([1])).item() == pytest.approx(math.log(0.25), rel=1e-12)
    assert entropies(logits).item() == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(4), rel=1e-12)
