"""Dopamine's other agents: each loss beside its program's formula in numpy, and the settings its program had."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from replication.algorithms.networks import NoisyLinear
from replication.algorithms.off_policy import c51, dqn, iqn, qr_dqn
from replication.specification.families.off_policy import ProportionalSampling
from replication.specification.loading import identity_config, known_names, load_variant
from replication.training.replay.priorities import ProportionalPriorities, build_priorities
from tests.support.lanes import build, smoke_run
from tests.support.plain_losses import NO_DRAWS, batch_of, by_state, config_of

AGENTS = ("quantile_dopamine", "dqn_dopamine_adam", "c51_dopamine", "iqn_dopamine")
JAX = AGENTS[:2]
REWARDS, DISCOUNTS, ACTIONS = [1.0, -1.0, 0.25], [0.9, 0.0, 0.9], [1, 0, 1]
"""Three transitions; the second ended its episode."""
SAMPLES = {"tau_tm1": 64, "tau_t": 64, "tau_policy_t": 32}


def adam(learning_rate: float, epsilon: float, **added: bool) -> dict[str, object]:
    return {"name": "adam", "learning_rate": learning_rate, "beta1": 0.9, "beta2": 0.999, "epsilon": epsilon} | added


def proportional(exponent: float, constant: float) -> dict[str, object]:
    """Without importance weights."""
    none = {"importance_exponent_start": 0.0, "importance_exponent_end": 0.0, "importance_steps": 1}
    return {"name": "proportional", "exponent": exponent, "constant": constant} | none


EVEN_SLICES = proportional(0.0, 0.0)
CHANGED = {
    "quantile_dopamine": {
        "n_step": 3,
        "target_starts_as_copy": True,
        "replay_sampling": proportional(0.5, 1e-10),
        "optimizer": adam(0.00005, 0.0003125),
        "num_quantiles": 200,
        "huber_threshold": 1.0,
        "priority": "loss",
    },
    "dqn_dopamine_adam": {
        "target_starts_as_copy": True,
        "optimizer": adam(0.0000625, 0.00015),
        "error_loss": "squared",
    },
    "c51_dopamine": {
        "replay_sampling": EVEN_SLICES,
        "optimizer": adam(0.00025, 0.0003125, epsilon_before_correction=True),
        "num_atoms": 51,
        "value_min": -10.0,
        "value_max": 10.0,
    },
    "iqn_dopamine": {
        "n_step": 3,
        "replay_sampling": EVEN_SLICES,
        "optimizer": adam(0.0000625, 0.00015, epsilon_before_correction=True),
        "online_samples": 64,
        "target_samples": 64,
        "policy_samples": 32,
        "embedding_size": 64,
        "huber_threshold": 1.0,
    },
}
"""What is not as in Dopamine's DQN, beside the initialization."""


@pytest.mark.parametrize("variant", AGENTS)
def test_qd3_qd4_qd5_qd6_ad2_ad3_ad4_ad5_ad6_cd3_cd5_cd6_id3_id5_id6_jx2_jx3_jx4_settings_differ_where_programs_do(
    variant: str,
) -> None:
    ours, base = (identity_config(load_variant(name)) for name in (variant, "dqn_dopamine"))
    expected = CHANGED[variant]
    if variant != "dqn_dopamine_adam":
        expected = expected | {"network": base["network"] | {"initialisation": "fan_in_uniform"}}
    assert {key: value for key, value in ours.items() if base.get(key) != value} == expected
    assert ours.keys() >= base.keys() and load_variant(variant).protocol == "sticky"


def test_ad1_qd7_no_other_variant_squares_its_error_or_is_prioritised_by_its_loss() -> None:
    """No row of the tables that DQN's and QR-DQN's other variants are held against would show it."""
    found = {
        name: load_variant(name).config
        for name in known_names("algorithms")
        if load_variant(name).family == "off_policy"
    }
    errors = {name for name, config in found.items() if config.get("error_loss", "huber") != "huber"}
    priorities = {name for name, config in found.items() if config.get("priority", "value_error") != "value_error"}
    assert (errors, priorities) == ({"dqn_dopamine_adam"}, {"quantile_dopamine"})


@pytest.mark.parametrize("variant", ["quantile_dopamine", "c51_dopamine", "iqn_dopamine"])
def test_qd4_cd4_id4_weights_start_uniform_by_the_inputs_of_their_layer(variant: str) -> None:
    network = build(smoke_run(variant, budget_frames=None, budget_iterations=1)).learner.online
    for layer in (network.convolutions.layers[0], network.hidden, network.values):  # type: ignore[union-attr]
        assert not isinstance(layer, NoisyLinear)
        inputs = layer.weight[0].numel()
        limit = math.sqrt(3.0 * (1.0 / math.sqrt(3.0)) / inputs)
        assert 0.9 * limit < layer.weight.abs().max().item() <= limit and not layer.bias.any()


@pytest.mark.parametrize("variant", AGENTS)
def test_jx1_qd8_the_target_network_starts_as_a_copy_in_jax_alone_and_by_the_runs_seed(variant: str) -> None:
    first, second = (
        build(smoke_run(variant, budget_frames=None, budget_iterations=1, seed=seed)).learner for seed in (1, 2)
    )
    pairs = zip(first.online.parameters(), first.target.parameters(), strict=True)
    assert all(torch.equal(online, target) for online, target in pairs) == (variant in JAX)
    assert not torch.equal(next(first.online.parameters()), next(second.online.parameters()))


# ---------------------------------------------------------------- losses


def test_ad1_the_error_is_squared_whole() -> None:
    q_tm1 = torch.tensor([[0.0, 0.5], [3.0, 0.0], [0.0, -2.0]], requires_grad=True)
    q_target_t = torch.tensor([[1.0, 2.0], [9.0, 9.0], [-1.0, 0.0]], requires_grad=True)
    batch = batch_of(REWARDS, DISCOUNTS, ACTIONS)
    config = config_of("dqn_dopamine_adam")
    found = dqn.loss(by_state(q_tm1, q_tm1), by_state(q_target_t, q_target_t), batch, NO_DRAWS, config)
    errors = np.array([1.0 + 0.9 * 2.0 - 0.5, -1.0 - 3.0, 0.25 + 0.0 + 2.0])
    np.testing.assert_allclose(found.per_transition.detach(), errors**2, rtol=1e-6)
    np.testing.assert_allclose(found.priority, np.abs(errors), rtol=1e-6)
    found.per_transition.sum().backward()
    assert q_tm1.grad is not None and q_target_t.grad is None
    np.testing.assert_allclose(q_tm1.grad[range(3), ACTIONS], -2.0 * errors, rtol=1e-6)
    huber = dqn.loss(by_state(q_tm1, q_tm1), by_state(q_target_t, q_target_t), batch, NO_DRAWS, config_of("dqn"))
    np.testing.assert_allclose(huber.per_transition.detach(), np.abs(errors) - 0.5, rtol=1e-6)


def quantile_huber(target: np.ndarray, predicted: np.ndarray, tau: np.ndarray, kappa: float) -> np.ndarray:
    """Dopamine's loss, line by line: [batch, N'], [batch, N], [batch, N] to [batch]."""
    bellman_errors = target[:, None, :] - predicted[:, :, None]
    inside = np.abs(bellman_errors) <= kappa
    huber = inside * 0.5 * bellman_errors**2 + ~inside * kappa * (np.abs(bellman_errors) - 0.5 * kappa)
    weighted = np.abs(tau[:, :, None] - (bellman_errors < 0)) * huber / kappa
    return weighted.mean(axis=2).sum(axis=1)


def test_qd1_qd2_qd7_the_loss_is_the_programs_and_the_priority() -> None:
    stream = np.random.default_rng(1)
    online, target = (torch.tensor(stream.normal(0, 2, (3, 2, 200)), dtype=torch.float32) for _ in range(2))
    batch = batch_of(REWARDS, DISCOUNTS, ACTIONS)
    config = config_of("quantile_dopamine")
    found = qr_dqn.loss(by_state(online, online), by_state(target, target), batch, NO_DRAWS, config)
    theirs = target.double().numpy()
    best = theirs.mean(axis=2).argmax(axis=1)
    y = np.array(REWARDS)[:, None] + np.array(DISCOUNTS)[:, None] * theirs[range(3), best]
    tau_hat = np.tile((np.arange(200) + 0.5) / 200, (3, 1))
    expected = quantile_huber(y, online.double().numpy()[range(3), ACTIONS], tau_hat, 1.0)
    np.testing.assert_allclose(found.per_transition, expected, rtol=1e-5)
    torch.testing.assert_close(found.priority, found.per_transition)
    plain = qr_dqn.loss(by_state(online, online), by_state(target, target), batch, NO_DRAWS, config_of("qr_dqn"))
    assert not torch.allclose(plain.priority, found.priority)


def test_cd1_cd2_the_loss_is_the_programs() -> None:
    """Its project_distribution for a support of even steps, atom by atom."""
    stream = np.random.default_rng(2)
    online, target = (torch.tensor(stream.normal(0, 2, (3, 2, 51)), dtype=torch.float32) for _ in range(2))
    batch = batch_of(REWARDS, DISCOUNTS, ACTIONS)
    found = c51.loss(by_state(online, online), by_state(target, target), batch, NO_DRAWS, config_of("c51_dopamine"))
    z = np.linspace(-10.0, 10.0, 51)
    theirs = target.double().numpy()
    p = np.exp(theirs) / np.exp(theirs).sum(axis=2, keepdims=True)
    best = (z * p).sum(axis=2).argmax(axis=1)
    for i in range(3):
        moved = np.clip(REWARDS[i] + DISCOUNTS[i] * z, -10.0, 10.0)
        projected = np.clip(1.0 - np.abs(moved - z[:, None]) / 0.4, 0.0, 1.0) @ p[i, best[i]]
        logits = online.double().numpy()[i, ACTIONS[i]]
        log_p = logits - np.log(np.exp(logits).sum())
        assert found.per_transition[i].item() == pytest.approx(-float(np.dot(projected, log_p)), rel=1e-5)


def test_id1_id2_the_loss_is_the_programs_and_the_target_network_chooses_by_other_fractions() -> None:
    stream = np.random.default_rng(3)
    config = config_of("iqn_dopamine")
    draws = {name: torch.tensor(stream.random((3, n)), dtype=torch.float32) for name, n in SAMPLES.items()}
    online = torch.tensor(stream.normal(0, 2, (3, 2, 64)), dtype=torch.float32)
    of_target, of_choice = (torch.tensor(stream.normal(0, 2, (3, 2, n)), dtype=torch.float32) for n in (64, 32))
    target = torch.cat([of_target, of_choice], dim=2)
    batch = batch_of(REWARDS, DISCOUNTS, ACTIONS)
    found = iqn.loss(by_state(online, online), by_state(target, target), batch, draws, config)
    best = of_choice.double().numpy().mean(axis=2).argmax(axis=1)
    y = np.array(REWARDS)[:, None] + np.array(DISCOUNTS)[:, None] * of_target.double().numpy()[range(3), best]
    predicted = online.double().numpy()[range(3), ACTIONS]
    expected = quantile_huber(y, predicted, draws["tau_tm1"].double().numpy(), 1.0)
    np.testing.assert_allclose(found.per_transition, expected, rtol=1e-5)


# ---------------------------------------------------------------- sampling


def memory_of(variant: str, rows: int) -> ProportionalPriorities:
    """Priorities of so many rows that begin a transition, before any is renewed."""
    sampling = config_of(variant).replay_sampling
    assert isinstance(sampling, ProportionalSampling)
    built = build_priorities(config_of(variant, replay_capacity_rows=rows))
    assert isinstance(built, ProportionalPriorities)
    built.enter(np.arange(rows))
    return built


@pytest.mark.parametrize("variant", ["c51_dopamine", "iqn_dopamine"])
def test_cd7_id7_a_row_comes_from_each_slice_whatever_the_losses_were(variant: str) -> None:
    built = memory_of(variant, 256)
    built.renew(np.arange(100), np.linspace(0.0, 50.0, 100, dtype=np.float32))
    for seed in range(20):
        rows, weights = built.draw(np.random.default_rng(seed), 32, 0)
        assert (rows // 8).tolist() == list(range(32)) and (weights == 1.0).all()


def test_qd7_rows_are_drawn_by_the_root_of_their_loss_and_weigh_alike() -> None:
    built = memory_of("quantile_dopamine", 4)
    built.renew(np.arange(4), np.array([0.0, 1.0, 4.0, 9.0], dtype=np.float32))
    stream = np.random.default_rng(0)
    drawn = [built.draw(stream, 32, 0) for _ in range(200)]
    counts = np.bincount(np.concatenate([rows for rows, _ in drawn]), minlength=4) / 6_400
    np.testing.assert_allclose(counts, [0.0, 1 / 6, 2 / 6, 3 / 6], atol=0.01)
    assert all((weights == 1.0).all() for _, weights in drawn)
    rainbow = memory_of("rainbow_dopamine", 4)
    rainbow.renew(np.arange(4), np.array([1.0, 1.0, 4.0, 9.0], dtype=np.float32))
    assert (rainbow.draw(stream, 32, 0)[1] < 1.0).any()
