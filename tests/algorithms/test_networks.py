"""Network shapes, parameter counts and initialization (fidelity rows N1, N2, N3, N5, I7)."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn import functional

from replication.algorithms.off_policy import dqn
from replication.specification.loading import load_variant

NATURE = load_variant("dqn").settings
DOPAMINE = load_variant("dqn_dopamine").settings


def _filled(config: dqn.Config, num_actions: int, seed: int = 0) -> dqn.Network:
    network = dqn.network(config, num_actions)
    dqn.initialise(network, np.random.default_rng(seed), config)
    return network


@pytest.mark.parametrize(("actions", "parameters"), [(3, 1_685_667), (4, 1_686_180), (6, 1_687_206), (18, 1_693_362)])
def test_n1_parameter_count(actions: int, parameters: int) -> None:
    assert sum(p.numel() for p in dqn.network(NATURE, actions).parameters()) == parameters


def test_n2_d10_no_padding_gives_3136_features_and_same_padding_7744() -> None:
    assert dqn.network(NATURE, 6).convolutions.num_features == 3_136
    assert dqn.network(DOPAMINE, 6).convolutions.num_features == 7_744


def test_d10_same_padding_puts_the_odd_pixel_after() -> None:
    network = _filled(DOPAMINE, 4)
    pixels = torch.randint(0, 256, (2, 4, 84, 84), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    first, second, third = network.convolutions.layers
    # TensorFlow's SAME on 84 -> 21 -> 11 -> 11: 2+2, 1+2 and 1+1 pixels of zeros.
    x = functional.relu(functional.conv2d(pixels.float() / 255, first.weight, first.bias, 4, 2))
    x = functional.relu(functional.conv2d(functional.pad(x, (1, 2, 1, 2)), second.weight, second.bias, 2))
    x = functional.relu(functional.conv2d(x, third.weight, third.bias, 1, 1))
    assert x.shape == (2, 64, 11, 11)
    torch.testing.assert_close(network.convolutions(pixels), x.flatten(1))


def test_n3_weights_and_biases_are_uniform_within_the_bound_of_each_layer() -> None:
    network = _filled(NATURE, 18)
    layers = [*network.convolutions.layers, network.hidden, network.values]
    bounds = [0.0625, 0.04419, 0.04167, 0.017857, 0.044194]
    for layer, bound in zip(layers, bounds, strict=True):
        weights = layer.weight.detach().numpy().ravel()
        limit = 1 / math.sqrt(math.prod(layer.weight.shape[1:]))
        assert limit == pytest.approx(bound, rel=1e-3)
        assert np.abs(weights).max() <= limit
        assert np.abs(layer.bias.detach().numpy()).max() <= limit
        assert np.abs(layer.bias.detach().numpy()).max() > 0.5 * limit
        assert stats.kstest(weights[:5000], "uniform", (-limit, 2 * limit)).pvalue > 1e-3


def test_d11_dopamine_initialisation_is_glorot_with_zero_biases() -> None:
    network = _filled(DOPAMINE, 18)
    first = network.convolutions.layers[0]
    limit = math.sqrt(6 / (4 * 64 + 32 * 64))
    assert 0.95 * limit < first.weight.abs().max().item() <= limit
    assert all(not layer.bias.any() for layer in [*network.convolutions.layers, network.hidden, network.values])


def test_i7_d12_pixels_are_divided_by_255_once() -> None:
    """A white frame is what a frame of ones would be to the same weights, whichever of the two is divided."""
    network = _filled(NATURE, 4)
    white = torch.full((1, 4, 84, 84), 255, dtype=torch.uint8)
    first = network.convolutions.layers[0]
    seen: list[torch.Tensor] = []
    original = functional.conv2d

    def convolve(*given: torch.Tensor) -> torch.Tensor:
        seen.append(original(*given))
        return seen[-1]

    try:
        functional.conv2d = convolve  # type: ignore[assignment]
        network(white)
    finally:
        functional.conv2d = original
    expected = original(torch.ones(1, 4, 84, 84), first.weight, first.bias, first.stride)
    torch.testing.assert_close(seen[0], expected, rtol=1e-5, atol=1e-6)
    assert expected.abs().max() > 0.05


def test_two_streams_fill_differently_and_one_stream_equally() -> None:
    one, same, other = (_filled(NATURE, 4, seed).hidden.weight for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("config", [NATURE, DOPAMINE])
def test_one_state_alone_has_the_values_it_has_in_a_batch(config: dqn.Config) -> None:
    """Alone, and without a gradient, it passes the dense layers as a vector."""
    network = _filled(config, 18)
    pixels = torch.randint(0, 256, (3, 4, 84, 84), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        together, alone = network(pixels), torch.cat([network(state[None]) for state in pixels])
    learning = network(pixels[:1])
    torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(learning.detach(), alone[:1], rtol=1e-5, atol=1e-6)
    assert learning.requires_grad
    assert not torch.allclose(alone[0], alone[1], atol=1e-4)
