"""Munchausen DQN and IQN: the clipped log-policy, the soft value, the loss by loops, and their settings."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from replication.algorithms.off_policy import munchausen_dqn, munchausen_iqn
from replication.algorithms.off_policy.munchausen_dqn import munchausen_reward, scaled_log_policy
from replication.specification.loading import identity_config, load_variant
from tests.support.plain_losses import (
    FEW_FRACTIONS,
    NO_DRAWS,
    NUM_ACTIONS,
    assert_gradient_is_that_of_loops,
    batch_of,
    by_state,
    config_of,
    pinball,
    small,
)

CONFIG = config_of("munchausen_dqn")
LOG2 = math.log(2)


def test_mu1_the_scaled_log_policy_of_two_actions() -> None:
    gap = 0.03 * math.log(3)  # policies 3/4 and 1/4
    found = scaled_log_policy(torch.tensor([[5.0 + gap, 5.0]]), 0.03)
    assert found[0].tolist() == pytest.approx([0.03 * math.log(0.75), 0.03 * math.log(0.25)], rel=1e-3)
    far = scaled_log_policy(torch.tensor([[300.0, 0.0]]), 0.03)  # exp(10,000) is no float
    assert far[0].tolist() == [0.0, -300.0]


def test_mu1_the_log_policy_is_cut_at_minus_one_where_it_is_added_to_the_reward() -> None:
    q = torch.tensor([[0.0, 0.5], [0.0, 8.0], [0.0, 8.0], [1.0, 1.0]])
    found = munchausen_reward(q, torch.tensor([0, 0, 1, 0]), torch.tensor([1.0, 1.0, 1.0, 0.0]), CONFIG)
    # tau ln pi is -0.5, then -8 cut to -1, then 0, then -tau ln 2.
    assert found.tolist() == pytest.approx([1 - 0.45, 1 - 0.9, 1.0, -0.9 * 0.03 * LOG2], abs=1e-6)


def test_mu1_target_of_two_transitions_worked_by_hand() -> None:
    online = torch.zeros((2, 2), requires_grad=True)
    q_target_tm1 = torch.tensor([[0.0, 0.5], [0.0, 0.5]], requires_grad=True)
    q_target_t = torch.tensor([[0.2, 0.2], [0.2, 0.2]], requires_grad=True)
    batch = batch_of([0.25, 0.25], [0.5, 0.0], [0, 1])
    found = munchausen_dqn.loss(by_state(online, online), by_state(q_target_tm1, q_target_t), batch, NO_DRAWS, CONFIG)
    # Equal values: the soft value is 0.2 + tau ln 2. The log-policy of the first is -0.5, of the second nearly 0.
    going_on = 0.25 - 0.9 * 0.5 + 0.5 * (0.2 + 0.03 * LOG2)
    assert found.priority.tolist() == pytest.approx([abs(going_on), 0.25], abs=1e-5)
    assert found.per_transition.tolist() == pytest.approx([going_on**2 / 2, 0.25**2 / 2], abs=1e-5)
    found.per_transition.sum().backward()
    assert online.grad is not None and online.grad.tolist() == [
        pytest.approx([-going_on, 0.0], abs=1e-5),
        pytest.approx([0.0, -0.25], abs=1e-5),
    ]
    assert q_target_tm1.grad is None and q_target_t.grad is None


def policy(q: list[float], temperature: float) -> list[float]:
    """Softmax of q / temperature."""
    weights = [math.exp((value - max(q)) / temperature) for value in q]
    return [weight / sum(weights) for weight in weights]


def added(q: list[float], action: int, config) -> float:
    """The clipped log-policy of an action, scaled."""
    log_policy = config.entropy_temperature * math.log(max(policy(q, config.entropy_temperature)[action], 1e-300))
    return config.munchausen_coefficient * min(max(log_policy, config.log_policy_min), 0.0)


def dqn_reference(online: nn.Module, target: nn.Module, batch, draws, config) -> Tensor:
    total, tau = torch.zeros((), dtype=torch.float64), config.entropy_temperature
    for i, action in enumerate(batch.a_tm1.tolist()):
        q_before = target(batch.s_tm1[i : i + 1])[0].tolist()
        q_after = target(batch.s_t[i : i + 1])[0].tolist()
        soft = sum(p * (q - tau * math.log(p)) for p, q in zip(policy(q_after, tau), q_after, strict=True) if p > 0)
        y = float(batch.r_t[i]) + added(q_before, action, config) + float(batch.discount_t[i]) * soft
        error = abs(y - online(batch.s_tm1[i : i + 1])[0, action])
        total = total + (error**2 / 2 if error <= 1 else error - 0.5)
    return total


def iqn_reference(online: nn.Module, target: nn.Module, batch, draws, config) -> Tensor:
    total, temperature = torch.zeros((), dtype=torch.float64), config.entropy_temperature
    for i, action in enumerate(batch.a_tm1.tolist()):
        before, after = batch.s_tm1[i : i + 1], batch.s_t[i : i + 1]
        q_before, q_after = (
            [sum(target(s, tau.view(1, 1))[0, b, 0].item() for tau in taus) / len(taus) for b in range(NUM_ACTIONS)]
            for s, taus in ((before, draws["tau_policy_tm1"][i]), (after, draws["tau_policy_t"][i]))
        )
        chances = policy(q_after, temperature)
        for tau_next in draws["tau_t"][i]:
            z_next = target(after, tau_next.view(1, 1))[0, :, 0].tolist()
            soft = sum(p * (z - temperature * math.log(p)) for p, z in zip(chances, z_next, strict=True) if p > 0)
            y = float(batch.r_t[i]) + added(q_before, action, config) + float(batch.discount_t[i]) * soft
            for tau in draws["tau_tm1"][i]:
                u = y - online(before, tau.view(1, 1))[0, action, 0]
                total = total + pinball(u, float(tau), config.huber_threshold) / config.target_samples
    return total


@pytest.mark.parametrize("temperature", [0.03, 2.0])
def test_gradient_of_a_batch_is_that_of_plain_loops(temperature: float) -> None:
    """At the temperature of the paper policies are nearly greedy here; at 2 every action counts."""
    changes = {"entropy_temperature": temperature}
    assert_gradient_is_that_of_loops("munchausen_dqn", small("munchausen_dqn", **changes), dqn_reference)


@pytest.mark.parametrize("temperature", [0.03, 2.0])
def test_mi1_gradient_of_a_batch_of_quantiles_is_that_of_plain_loops(temperature: float) -> None:
    changes = {"entropy_temperature": temperature} | FEW_FRACTIONS
    assert_gradient_is_that_of_loops("munchausen_iqn", small("munchausen_iqn", **changes), iqn_reference)


def test_mu2_settings_are_those_of_dopamines_dqn_but_for_the_optimiser() -> None:
    ours, dopamine = load_variant("munchausen_dqn"), load_variant("dqn_dopamine")
    shared = identity_config(dopamine)
    assert {key for key in shared if ours.config[key] != shared[key]} == {"optimizer"}
    assert ours.config["optimizer"]["learning_rate"] == 0.00005 and ours.protocol == "sticky"
    assert ours.config["optimizer"]["epsilon_before_correction"]
    added_settings = {key: value for key, value in ours.config.items() if key not in dopamine.config}
    assert added_settings == {"entropy_temperature": 0.03, "munchausen_coefficient": 0.9, "log_policy_min": -1.0}


def test_mi1_mi2_settings_are_those_of_munchausen_dqn_and_iqn() -> None:
    ours, dqn, iqn = (load_variant(name).config for name in ("munchausen_iqn", "munchausen_dqn", "iqn"))
    assert {key for key in dqn if ours[key] != dqn[key]} == {"network"}
    assert ours["network"] == dqn["network"] | {"initialisation": "fan_in_uniform"}
    for key in ("online_samples", "target_samples", "policy_samples", "embedding_size", "huber_threshold"):
        assert ours[key] == iqn[key]
    shapes = {name: spec.shape for name, spec in munchausen_iqn.draws_spec(config_of("munchausen_iqn"), 6).items()}
    assert shapes == {"tau_tm1": (64,), "tau_t": (64,), "tau_policy_t": (32,), "tau_policy_tm1": (32,)}


def test_mi3_weights_start_within_the_root_of_root_three_over_fan_in_and_biases_at_zero() -> None:
    config = config_of("munchausen_iqn")
    network = munchausen_iqn.network(config, 6)
    munchausen_iqn.initialise(network, np.random.default_rng(0), config)
    fans = {"convolutions.layers.0": 256, "convolutions.layers.1": 512, "convolutions.layers.2": 576}
    fans |= {"embedding": 64, "hidden": 7744, "values": 512}
    for name, layer in ((name, network.get_submodule(name)) for name in fans):
        bound = math.sqrt(math.sqrt(3) / fans[name])
        largest = layer.weight.abs().max().item()
        assert 0.97 * bound < largest <= bound, name
        assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)
        assert not layer.bias.any()
