"""IQN: which fractions go where, the embedding of a fraction, the loss pair by pair, and its settings."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from replication.algorithms.off_policy import iqn
from replication.algorithms.off_policy.contract import DrawSpec
from replication.specification.loading import load_variant
from tests.support.plain_losses import (
    FEW_FRACTIONS,
    assert_gradient_is_that_of_loops,
    batch_of,
    config_of,
    networks,
    pinball,
    pixel_batch,
    small,
)


def test_iq1_the_fractions_of_prediction_target_and_choice_are_told_apart() -> None:
    """Quantiles of action 0 are 10 tau, those of action 1 are 1: which is better depends on the fractions alone."""
    config = config_of("iqn", online_samples=1, target_samples=2, policy_samples=2)

    def network(pixels: Tensor, tau: Tensor) -> Tensor:
        return torch.stack([10 * tau, torch.ones_like(tau)], dim=1)

    batch = batch_of([0.5, 0.5, 0.5], [0.5, 0.5, 0.0], [1, 1, 1])
    tau_t = torch.tensor([[0.0, 0.4]] * 3)
    policy = torch.tensor([[0.0, 0.1], [0.2, 0.2], [0.0, 0.0]])  # action 0 is worth 0.5, then 2
    draws = {"tau_tm1": torch.full((3, 1), 0.75), "tau_t": tau_t, "tau_policy_t": policy}
    found = iqn.loss(network, network, batch, draws, config)
    # Prediction 1 for action 1. Targets 0.5 + 0.5 * 1 = 1 twice; then 0.5 and 2.5; then 0.5 twice.
    assert found.per_transition.tolist() == pytest.approx([0.0, (0.25 * 0.125 + 0.75 * 1.0) / 2, 0.25 * 0.125])
    assert found.priority.tolist() == pytest.approx([0.0, 0.5, 0.5])


def test_iq3_iq6_quantiles_are_those_of_the_layers_written_out() -> None:
    """In numpy, for each state and fraction by itself: cosines of 1 to n times pi tau."""
    config = small("iqn", **FEW_FRACTIONS)
    network, _ = networks("iqn", config)
    assert network.embedding.weight.shape == (network.convolutions.num_features, 6)
    pixels, tau = pixel_batch(2).s_tm1, torch.tensor([[0.1, 0.7, 0.99], [0.3, 0.0, 0.5]])
    found = network(pixels, tau).detach().numpy()
    assert found.shape == (2, 3, 3)
    psi = network.convolutions(pixels).detach().numpy()
    layers = (network.embedding, network.hidden, network.values)
    (w_phi, b_phi), (w_hidden, b_hidden), (w, b) = (
        [p.detach().numpy() for p in layer.parameters()] for layer in layers
    )
    for state in range(2):
        for sample in range(3):
            cosines = np.array([math.cos(math.pi * i * float(tau[state, sample])) for i in range(1, 7)])
            phi = np.maximum(w_phi @ cosines + b_phi, 0)
            values = w @ np.maximum(w_hidden @ (psi[state] * phi) + b_hidden, 0) + b
            np.testing.assert_allclose(found[state, :, sample], values, rtol=1e-4, atol=1e-5)


def test_iq2_acting_takes_32_new_fractions_in_training_and_in_evaluation() -> None:
    config = config_of("iqn")
    for evaluating in (False, True):
        (spec,) = iqn.acting_draws_spec(config, 6, evaluating=evaluating).values()
        assert spec == DrawSpec("uniform", (32,), per_transition=True)
    shapes = {name: spec.shape for name, spec in iqn.draws_spec(config, 6).items()}
    assert shapes == {"tau_tm1": (64,), "tau_t": (64,), "tau_policy_t": (32,)}
    outputs = torch.tensor([[[0.0, 1.0], [4.0, 5.0]]])
    assert iqn.action_values(outputs, config).tolist() == [[0.5, 4.5]]


def test_the_embedding_needs_no_fractions_and_is_the_mean_over_even_ones() -> None:
    network, _ = networks("iqn", small("iqn", **FEW_FRACTIONS))
    pixels = pixel_batch(3).s_tm1
    tau = torch.tensor([[0.1, 0.3, 0.5, 0.7, 0.9]])
    embedded = network.embed(pixels)
    assert embedded.shape == (3, 8)
    values = torch.nn.functional.linear(embedded, network.values.weight, network.values.bias)
    torch.testing.assert_close(values, network(pixels, tau.expand(3, -1)).mean(dim=2))


def reference(online: nn.Module, target: nn.Module, batch, draws, config) -> Tensor:
    """Equations 2 and 3, pair by pair; the networks are asked for one fraction at a time."""
    total = torch.zeros((), dtype=torch.float64)
    for i, action in enumerate(batch.a_tm1.tolist()):
        before, after = batch.s_tm1[i : i + 1], batch.s_t[i : i + 1]
        chances = [target(after, draws["tau_policy_t"][i, k].view(1, 1))[0, :, 0] for k in range(config.policy_samples)]
        best = int(sum(chances).argmax())  # type: ignore[union-attr]
        for j in range(config.target_samples):
            z_next = target(after, draws["tau_t"][i, j].view(1, 1))[0, best, 0].item()
            y = float(batch.r_t[i]) + float(batch.discount_t[i]) * z_next
            for tau in draws["tau_tm1"][i]:
                u = y - online(before, tau.view(1, 1))[0, action, 0]
                total = total + pinball(u, float(tau), config.huber_threshold) / config.target_samples
    return total


def test_gradient_of_a_batch_is_that_of_plain_loops() -> None:
    assert_gradient_is_that_of_loops("iqn", small("iqn", **FEW_FRACTIONS), reference)


def test_iq4_iq5_iq7_settings_are_qr_dqns_but_for_the_start_of_learning() -> None:
    """dqn_zoo's iqn/run_atari.py has min_replay_capacity_fraction 0.02, of a million; its qrdqn/run_atari.py 0.05."""
    ours, qr = load_variant("iqn").config, load_variant("qr_dqn").config
    shared = ours.keys() & qr.keys()
    assert {key for key in shared if ours[key] != qr[key]} == {"replay_start", "epsilon"} and "optimizer" in shared
    assert (ours["replay_start"]["count"], qr["replay_start"]["count"]) == (20_000, 50_000)
    assert ours["epsilon"] == qr["epsilon"] | {"decay_starts_after_steps": 20_000}
    added = {key: value for key, value in ours.items() if key not in load_variant("dqn").config}
    assert added == {
        "online_samples": 64,
        "target_samples": 64,
        "policy_samples": 32,
        "embedding_size": 64,
        "huber_threshold": 1.0,
    }
