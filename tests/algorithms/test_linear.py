"""The linear function approximator: one layer, DQN's loss; and the settings of the article's own comparisons."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from replication.algorithms.off_policy import dqn, linear
from replication.specification.loading import load_variant
from tests.support.plain_losses import assert_gradient_is_that_of_loops, config_of

CONFIG = config_of("linear_2015")
RATES = {"": 0.00025, "_lr_half": 0.000125, "_lr_double": 0.0005}
ABLATIONS: dict[str, dict[str, Any]] = {
    "dqn": {},
    "dqn_no_replay": {"replay_sampling": {"name": "newest"}},
    "dqn_no_target": {"target_update_period_steps": 4},
    "dqn_no_replay_no_target": {"replay_sampling": {"name": "newest"}, "target_update_period_steps": 4},
}


def test_values_are_one_weighted_sum_of_the_pixels_each() -> None:
    network = linear.network(CONFIG, 3)
    linear.initialise(network, np.random.default_rng(0), CONFIG)
    weight, bias = (parameter.detach().numpy() for parameter in network.parameters())
    assert weight.shape == (3, 4 * 84 * 84) and bias.shape == (3,)
    assert 0.99 / 168 < np.abs(weight).max() <= 1 / 168 and np.abs(bias).max() <= 1 / 168
    pixels = np.random.default_rng(1).integers(0, 256, (2, 4, 84, 84), dtype=np.uint8)
    expected = pixels.reshape(2, -1) / 255.0 @ weight.T + bias
    found = network(torch.from_numpy(pixels))
    np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-5)
    assert torch.equal(network.embed(torch.from_numpy(pixels)), found)


def reference(online: nn.Module, target: nn.Module, batch, draws, config) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for i, action in enumerate(batch.a_tm1.tolist()):
        best = max(target(batch.s_t[i : i + 1])[0].tolist())
        y = float(batch.r_t[i]) + float(batch.discount_t[i]) * best
        error = abs(y - online(batch.s_tm1[i : i + 1])[0, action])
        total = total + (error**2 / 2 if error <= 1 else error - 0.5)
    return total


def test_gradient_of_a_batch_is_that_of_plain_loops() -> None:
    assert_gradient_is_that_of_loops("linear_2015", CONFIG, reference)
    assert linear.loss is dqn.loss


def test_layers_that_it_does_not_have_are_refused() -> None:
    with pytest.raises(ValueError, match="no convolutions and 0 hidden units"):
        linear.network(config_of("dqn"), 3)


@pytest.mark.parametrize("suffix", RATES)
def test_the_linear_variant_differs_from_dqn_in_its_network_and_rate(suffix: str) -> None:
    ours, dqn_config = load_variant(f"linear_2015{suffix}").config, load_variant("dqn").config
    changed = {key for key in dqn_config if ours[key] != dqn_config[key]}
    assert changed == {"network"} | ({"optimizer"} if suffix else set())
    assert (ours["network"]["convolutions"], ours["network"]["hidden_units"]) == ([], 0)
    assert ours["optimizer"]["learning_rate"] == RATES[suffix]


@pytest.mark.parametrize("suffix", RATES)
@pytest.mark.parametrize("stem", ABLATIONS)
def test_an_ablation_differs_from_dqn_in_what_it_is_for(stem: str, suffix: str) -> None:
    ours, dqn_variant = load_variant(f"{stem}{suffix}"), load_variant("dqn")
    changed = {key: value for key, value in ours.config.items() if value != dqn_variant.config[key]}
    rate = {"optimizer": dqn_variant.config["optimizer"] | {"learning_rate": RATES[suffix]}} if suffix else {}
    assert changed == ABLATIONS[stem] | rate
    # One copy an update: the target network is the one that learns.
    assert ours.config["update_period_steps"] == 4
    declared = {row for deviation in ours.deviations for row in deviation.rows}
    assert declared >= {"M3"} if "replay_sampling" in changed else "M3" not in declared
    assert declared >= {"S4"} if "target_update_period_steps" in changed else "S4" not in declared
    assert declared >= {"O3", "O5"} if suffix else "O5" not in declared
