"""The dueling network: what makes value and advantages identifiable, and the scale of its gradient."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from replication.algorithms.off_policy import double_dqn, dueling
from replication.algorithms.off_policy.dueling import dueling_values, scaled_gradient
from replication.specification.loading import load_variant
from tests.support.plain_losses import (
    assert_gradient_is_that_of_loops,
    config_of,
    double_dqn_loss,
    networks,
    pixel_batch,
    small,
)

VARIANT = "dueling_double_dqn"


def test_du1_advantages_count_from_their_mean() -> None:
    value, advantages = torch.tensor([[2.0], [0.0]]), torch.tensor([[1.0, 2.0, 6.0], [-1.0, 0.0, 1.0]])
    found = dueling_values(value, advantages)
    assert found.tolist() == [[0.0, 1.0, 5.0], [-1.0, 0.0, 1.0]]  # mean 3, mean 0
    # A constant added to all advantages changes nothing, and the mean over actions is the value.
    torch.testing.assert_close(dueling_values(value, advantages + 7.0), found)
    torch.testing.assert_close(found.mean(dim=1, keepdim=True), value)


def test_du2_numbers_go_through_to_the_bit_and_gradients_by_the_root_of_a_half() -> None:
    x = torch.from_numpy(np.random.default_rng(0).standard_normal(10_000).astype(np.float32)).requires_grad_()
    for precision in (torch.float32, torch.bfloat16):
        given = x.detach().to(precision)
        assert torch.equal(scaled_gradient(given, 1 / math.sqrt(2)), given)
    (3.0 * scaled_gradient(x, 1 / math.sqrt(2))).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, torch.full_like(x, 3 / math.sqrt(2)))


def test_du2_convolutions_alone_get_the_scaled_gradient() -> None:
    network, _ = networks(VARIANT, small(VARIANT))
    parameters = dict(network.named_parameters())
    weights = torch.from_numpy(np.random.default_rng(1).standard_normal((6, 3)).astype(np.float32))
    pixels = pixel_batch().s_tm1
    found = dict(
        zip(parameters, torch.autograd.grad((network(pixels) * weights).sum(), parameters.values()), strict=True)
    )
    features = network.convolutions(pixels)
    value = network.value(torch.relu(network.value_hidden(features)))
    advantages = network.advantages(torch.relu(network.advantage_hidden(features)))
    plain = ((value + advantages - advantages.mean(1, keepdim=True)) * weights).sum()
    whole = dict(zip(parameters, torch.autograd.grad(plain, parameters.values()), strict=True))
    for name, gradient in found.items():
        scale = 1 / math.sqrt(2) if name.startswith("convolutions") else 1.0
        torch.testing.assert_close(gradient, scale * whole[name], rtol=1e-4, atol=1e-5)
    assert any(name.startswith("convolutions") for name in found)


def test_gradient_of_a_batch_is_that_of_plain_loops() -> None:
    """Double DQN's loops: the scaled gradient is part of the network, tested above."""
    assert_gradient_is_that_of_loops(VARIANT, small(VARIANT), double_dqn_loss)
    assert dueling.loss is double_dqn.loss


def test_du1_du6_both_streams_have_512_units_and_are_the_embedding() -> None:
    config = config_of(VARIANT)
    network = dueling.network(config, 6)
    dueling.initialise(network, np.random.default_rng(0), config)
    assert {name: tuple(p.shape) for name, p in network.named_parameters() if "convolutions" not in name} == {
        "value_hidden.weight": (512, 3136),
        "value_hidden.bias": (512,),
        "value.weight": (1, 512),
        "value.bias": (1,),
        "advantage_hidden.weight": (512, 3136),
        "advantage_hidden.bias": (512,),
        "advantages.weight": (6, 512),
        "advantages.bias": (6,),
    }
    for name, parameter in network.named_parameters():
        fan_in = {"val": 3136, "adv": 3136}.get(name[:3]) if "hidden" in name else 512
        if "convolutions" not in name:
            assert 0 < parameter.abs().max() <= 1 / math.sqrt(fan_in)
    hidden = network.embed(torch.full((2, 4, 84, 84), 9, dtype=torch.uint8))
    assert hidden.shape == (2, 1024) and hidden.min() == 0 < hidden.max()


def test_du3_du4_settings_are_those_of_tuned_double_dqn_but_for_clipping_and_the_rate() -> None:
    ours, tuned = load_variant(VARIANT).config, load_variant("double_dqn_tuned").config
    assert {key for key in tuned if ours.get(key) != tuned[key]} == {
        "gradient_norm_clip",
        "optimizer",
        "shared_output_bias",
    }
    assert ours["gradient_norm_clip"] == 10.0 and "shared_output_bias" not in ours
    assert ours["optimizer"]["learning_rate"] == pytest.approx(6.25e-5)
