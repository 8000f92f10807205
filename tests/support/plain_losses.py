"""Batches, networks and the comparison of a loss's gradient with one written in plain loops, for the tests here."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from replication.algorithms.off_policy.contract import Batch, Future, load_algorithm
from replication.foundation.validation import Settings
from replication.specification.families.off_policy import NetworkConfig
from replication.specification.loading import load_variant
from replication.training.off_policy.learner import draw

Array = NDArray[np.float64]

NUM_ACTIONS = 3
NO_DRAWS: Mapping[str, Tensor] = {}
SMALL_NETWORK: dict[str, Any] = {
    "convolutions": [{"channels": 4, "kernel": 8, "stride": 8}, {"channels": 4, "kernel": 3, "stride": 2}],
    "padding": "valid",
    "hidden_units": 8,
    "initialisation": "torch7_uniform",
}
FEW_FRACTIONS = {"online_samples": 3, "target_samples": 4, "policy_samples": 5, "embedding_size": 6}
"""Settings of IQN: as few as plain loops have patience for."""

Reference = Callable[[nn.Module, nn.Module, Batch, Mapping[str, Tensor], Any], Tensor]
"""The sum of the losses of a batch, by loops, of float64 networks."""


def config_of(variant: str, **changes: Any) -> Any:
    """A variant's configuration, some of its values changed."""
    loaded = load_variant(variant)
    return loaded.settings.model_copy(update=changes)


def small(variant: str, **changes: Any) -> Any:
    """The same with a network of a few thousand weights."""
    parts = {name: part for name, part in SMALL_NETWORK.items() if name != "initialisation"}
    network = config_of(variant).network.model_dump() | parts
    return config_of(variant, network=NetworkConfig.model_validate_json(json.dumps(network)), **changes)


def batch_of(rewards: list[float], discounts: list[float], actions: list[int]) -> Batch:
    """States are told apart by their only byte: s_tm1 is 0, s_t is 1."""
    before = torch.zeros((len(rewards), 1), dtype=torch.uint8)
    return Batch(before, torch.tensor(actions), torch.tensor(rewards), torch.tensor(discounts), before + 1)


def by_state(s_tm1: Tensor, s_t: Tensor) -> Callable[..., Tensor]:
    """A network with these outputs before and after a transition of `batch_of`."""
    return lambda pixels, *draws: s_t if pixels.sum() else s_tm1


def networks(variant: str, config: Settings) -> tuple[nn.Module, nn.Module]:
    """Online and target network, initialized apart; values are far enough apart for errors beyond 1."""
    module = load_algorithm(load_variant(variant).module)
    built = []
    for seed in (1, 2):
        network = module.network(config, NUM_ACTIONS)
        module.initialise(network, np.random.default_rng(seed), config)
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                if name.endswith("weight") and parameter.dim() == 2:
                    parameter.mul_(3.0)
        built.append(network)
    return built[0], built[1]


def pixel_batch(size: int = 6, future_steps: int = 0) -> Batch:
    """Random pixels; rewards beyond 1 too, and one end of a trajectory."""
    stream = np.random.default_rng(5)
    states = torch.from_numpy(stream.integers(0, 256, (2, size, 4, 84, 84), dtype=np.uint8))
    rewards = torch.tensor([-3.0, -1.0, -0.25, 0.0, 1.0, 3.0][:size])
    discounts = torch.tensor([0.99, 0.99, 0.0, 0.99, 0.99, 0.97][:size])
    actions = torch.from_numpy(stream.integers(0, NUM_ACTIONS, size))
    if not future_steps:
        return Batch(states[0], actions, rewards, discounts, states[1])
    later = torch.from_numpy(stream.integers(0, 256, (size, future_steps, 4, 84, 84), dtype=np.uint8))
    later_actions = torch.from_numpy(stream.integers(0, NUM_ACTIONS, (size, future_steps)))
    goes_on = torch.tensor([[float(k <= i) for k in range(future_steps)] for i in range(size)])
    return Batch(states[0], actions, rewards, discounts, states[1], Future(later, later_actions, goes_on))


def drawn(variant: str, config: Settings, size: int) -> dict[str, Tensor]:
    """The random arrays of a loss."""
    specs = load_algorithm(load_variant(variant).module).draws_spec(config, NUM_ACTIONS)
    stream = np.random.default_rng(6)
    return {name: torch.from_numpy(draw(spec, stream, size)) for name, spec in specs.items()}


def assert_gradient_is_that_of_loops(variant: str, config: Any, reference: Reference) -> None:
    """The loss in float64 to the last digits, and in float32, give the loops' losses and gradients."""
    module = load_algorithm(load_variant(variant).module)
    batch = pixel_batch(future_steps=config.future_steps)
    draws = drawn(variant, config, len(batch.a_tm1))
    online, target = networks(variant, config)
    exact_online, exact_target = copy.deepcopy(online).double(), copy.deepcopy(target).double()
    expected = reference(exact_online, exact_target, batch, draws, config)
    exact = torch.autograd.grad(expected, list(exact_online.parameters()))
    assert max(float(gradient.abs().max()) for gradient in exact) > 0.1
    for networks_, tolerances in (
        ((exact_online, exact_target), {"rtol": 1e-5, "atol": 1e-7}),  # rewards and fractions are float32
        ((online, target), {"rtol": 1e-3, "atol": 1e-4}),
    ):
        total = module.loss(*networks_, batch, draws, config).per_transition.sum()
        assert total.item() == pytest.approx(expected.item(), rel=1e-5)
        found = torch.autograd.grad(total, list(networks_[0].parameters()), retain_graph=True)
        for gradient, whole in zip(found, exact, strict=True):
            torch.testing.assert_close(gradient.double(), whole, **tolerances)
        into_target = torch.autograd.grad(total, list(networks_[1].parameters()), allow_unused=True)
        assert all(gradient is None for gradient in into_target)


def linear(network: nn.Module, name: str, x: Array, noise: Array | None) -> Array:
    """A layer written out in float64, from its parameters and its part of the noise."""
    layer = {key: p.detach().double().numpy() for key, p in getattr(network, name).named_parameters()}
    weight, bias = layer["weight"], layer["bias"]
    if noise is not None:
        f = np.sign(noise) * np.sqrt(np.abs(noise))
        inputs, outputs = f[: weight.shape[1]], f[weight.shape[1] :]
        weight = weight + layer["weight_deviation"] * outputs[:, None] * inputs[None, :]
        bias = bias + layer["bias_deviation"] * outputs
    return x @ weight.T + bias


def pinball(u: Tensor, tau: float, kappa: float) -> Tensor:
    """|tau - [u < 0]| times Huber's loss over kappa; without Huber where kappa is 0."""
    weight = abs(tau - 1.0) if u.item() < 0 else tau
    if kappa == 0:
        return weight * abs(u)
    return weight * (u * u / 2 if abs(u.item()) <= kappa else kappa * (abs(u) - kappa / 2)) / kappa


def double_dqn_loss(
    online: nn.Module, target: nn.Module, batch: Batch, draws: Mapping[str, Tensor], config: Any
) -> Tensor:
    """Return the sum of the losses of double DQN, transition by transition."""
    total = torch.zeros((), dtype=torch.float64)
    for i, action in enumerate(batch.a_tm1.tolist()):
        q, q_next = online(batch.s_tm1[i : i + 1])[0], online(batch.s_t[i : i + 1])[0].tolist()
        best = q_next.index(max(q_next))
        y = float(batch.r_t[i]) + float(batch.discount_t[i]) * target(batch.s_t[i : i + 1])[0, best].item()
        error = abs(y - q[action])
        total = total + (error**2 / 2 if error <= 1 else error - 0.5)
    return total
