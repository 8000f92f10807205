"""Rainbow without one of its parts: what differs, and Rainbow without distributions by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from replication.algorithms.off_policy import rainbow_no_distributional
from replication.algorithms.off_policy.contract import Batch
from replication.specification.loading import load_variant
from tests.support.plain_losses import Array, linear

STATE = np.random.default_rng(9).integers(0, 256, (84, 84, 4), dtype=np.uint8)


def without_distributions() -> rainbow_no_distributional.Config:
    variant = load_variant("rainbow_no_distributional")
    return variant.settings


def test_hx1_without_distributions_each_stream_gives_one_number() -> None:
    config = without_distributions()
    network = rainbow_no_distributional.network(config, 4)
    rainbow_no_distributional.initialise(network, np.random.default_rng(1), config)
    pixels = torch.from_numpy(STATE).permute(2, 0, 1)[None]
    sizes = {"advantage_hidden": (3136, 512), "advantages": (512, 4), "value": (512, 1), "value_hidden": (3136, 512)}
    assert {name: tuple(getattr(network, name).weight.shape[::-1]) for name in sizes} == sizes
    noise = np.random.default_rng(2).standard_normal(2 * 3136 + 2 * 512 + 2 * 512 + 4 + 1).astype(np.float32)
    given, at = {}, 0
    for name, (inputs, outputs) in sizes.items():
        given[name] = noise[at : at + inputs + outputs].astype(np.float64)
        at += inputs + outputs
    with torch.no_grad():
        features = network.convolutions(pixels)[0].double().numpy()
        found = network(pixels, torch.from_numpy(noise))[0].numpy()

    def layer(name: str, x: Array) -> Array:
        return linear(network, name, x, given[name])

    advantages = layer("advantages", np.maximum(layer("advantage_hidden", features), 0))
    value = layer("value", np.maximum(layer("value_hidden", features), 0))
    np.testing.assert_allclose(found, value + advantages - advantages.mean(), rtol=1e-4, atol=1e-5)


def test_hx2_hx3_without_distributions_the_loss_is_double_dqns_under_noise_by_hand() -> None:
    """Targets 1 + 0.5 x 7 and -1: the online network under noise_t chooses, the target network values."""
    tables = {
        ("online", 1.0): torch.tensor([[4.0, 0.0], [0.0, -1.25]], requires_grad=True),
        ("online", 2.0): torch.tensor([[5.0, 9.0], [1.0, 0.0]]),
        ("target", 3.0): torch.tensor([[100.0, 7.0], [50.0, 60.0]]),
    }
    states = torch.zeros((2, 1), dtype=torch.uint8)
    batch = Batch(states, torch.tensor([0, 1]), torch.tensor([1.0, -1.0]), torch.tensor([0.5, 0.0]), states)
    draws = {"noise_tm1": torch.ones(1), "noise_t": 2 * torch.ones(1), "noise_target_t": 3 * torch.ones(1)}
    found = rainbow_no_distributional.loss(
        lambda pixels, noise: tables["online", noise.item()],
        lambda pixels, noise: tables["target", noise.item()],
        batch,
        draws,
        without_distributions(),
    )
    assert found.per_transition.tolist() == [pytest.approx(0.125), pytest.approx(0.03125)]
    assert found.priority.tolist() == [0.5, 0.25]
    found.per_transition.sum().backward()
    assert tables["online", 1.0].grad.tolist() == [[-0.5, 0.0], [0.0, -0.25]]


def test_an_ablation_differs_from_rainbow_in_the_part_it_lacks() -> None:
    """Hessel et al. 2018, Figure 3. Nobody explores at random where layers are noisy."""
    whole = load_variant("rainbow").config
    parts = {
        "priority": {"replay_sampling"},
        "multi_step": {"n_step"},
        "double": {"double"},
        "dueling": {"dueling"},
        "noisy": {"sigma_0", "epsilon", "evaluation_epsilon"},
    }
    for part, settings in parts.items():
        ablated = load_variant(f"rainbow_no_{part}").config
        assert {key for key in whole if whole[key] != ablated[key]} == settings
    epsilon = load_variant("rainbow_no_noisy").config["epsilon"]
    assert 4 * epsilon["decay_steps"] == 250_000 and epsilon["end"] == 0.01
    lacking = load_variant("rainbow_no_distributional").config
    assert whole.keys() - lacking.keys() == {
        *("num_atoms", "value_min", "value_max", "double", "dueling", "noisy_bias_scale")
    }
    assert {key for key in lacking if lacking[key] != whole[key]} == set()
