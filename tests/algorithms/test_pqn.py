"""PQN: network, targets and loss, by hand and against torch and numpy in float64 (rows PC1 to PC8, PQ1, PQ2, PQ5)."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from replication.algorithms.action_value_networks import (
    TRUNCATED_DEVIATION,
    ActionValueNetwork,
    ActionValues,
    truncated_normal_matrix,
)
from replication.algorithms.on_policy import pqn
from replication.algorithms.on_policy.contract import Minibatch, Rollout
from replication.algorithms.policy_networks import Spaces
from replication.specification.families.on_policy import RolloutFrames
from replication.specification.loading import load_variant
from tests.algorithms.test_on_policy_losses import STEPS

VARIANTS = ("pqn_cleanrl", "pqn")


@cache
def filled(variant: str) -> ActionValueNetwork:
    config: Any = load_variant(variant).settings
    network = pqn.network(config, Spaces(6))
    pqn.initialise(network, np.random.default_rng(1), config)
    return network


@pytest.mark.parametrize("variant", VARIANTS)
def test_pc1_the_network_is_natures_with_a_value_for_each_action(variant: str) -> None:
    shapes = {name: list(tensor.shape) for name, tensor in filled(variant).named_parameters()}
    weights = [shape for name, shape in shapes.items() if name.endswith("weight") and "normalization" not in name]
    assert weights == [[32, 4, 8, 8], [64, 32, 4, 4], [64, 64, 3, 3], [512, 3136], [6, 512]]
    outputs = filled(variant)(torch.zeros(2, 4, 84, 84, dtype=torch.uint8))
    assert outputs.action_values.shape == (2, 6)


@pytest.mark.parametrize(
    ("variant", "shapes", "epsilon"),
    [
        ("pqn_cleanrl", [[20, 20, 32], [9, 9, 64], [7, 7, 64], [512]], 1e-5),
        ("pqn", [[32], [64], [64], [512]], 1e-6),
    ],
)
def test_pc2_pq1_each_layer_is_normalized_over_the_axes_of_its_program(
    variant: str, shapes: list[list[int]], epsilon: float
) -> None:
    """Against the equation in float64, written with the axes of torch: channels, height, width."""
    network = filled(variant)
    named = dict(network.named_parameters())
    assert [list(named[name].shape) for name in named if "normalization" in name and "weight" in name] == shapes
    stream = np.random.default_rng(2)
    for name in named:
        if "normalization" in name:  # other weights than 1, so that their places matter
            named[name].data.copy_(torch.from_numpy(stream.normal(1.0, 0.3, tuple(named[name].shape))))
    pixels = torch.from_numpy(stream.integers(256, size=(3, 4, 84, 84), dtype=np.uint8))
    x = pixels.double() / 255.0
    convolutions = network.convolutions
    for layer, normalization in zip(convolutions.layers, convolutions.normalizations, strict=True):
        x = functional.conv2d(x, layer.weight.double(), layer.bias.double(), layer.stride)
        axes = (1, 2, 3) if variant == "pqn_cleanrl" else (1,)
        centered = x - x.mean(axes, keepdim=True)
        scaled = centered / (centered.square().mean(axes, keepdim=True) + epsilon).sqrt()
        weight, bias = (part.double() for part in (normalization.weight, normalization.bias))
        if variant == "pqn_cleanrl":
            weight, bias = (part.permute(2, 0, 1) for part in (weight, bias))
        else:
            weight, bias = (part[:, None, None] for part in (weight, bias))
        x = functional.relu(scaled * weight + bias)
    hidden = functional.linear(x.flatten(1), network.hidden.weight.double(), network.hidden.bias.double())
    last = network.normalization
    hidden = functional.layer_norm(hidden, (512,), last.weight.double(), last.bias.double(), epsilon)
    torch.testing.assert_close(network.embed(pixels).double(), functional.relu(hidden), rtol=1e-3, atol=1e-4)
    filled.cache_clear()


def test_pc3_cleanrls_weights_are_orthogonal_with_gain_root_two_and_normalizations_start_neutral() -> None:
    for name, tensor in filled("pqn_cleanrl").named_parameters():
        if "normalization" in name:
            assert bool((tensor == float(name.endswith("weight"))).all()), name
        elif name.endswith("weight"):
            values = torch.linalg.svdvals(tensor.flatten(1).double())
            torch.testing.assert_close(values, torch.full_like(values, 2.0**0.5), rtol=1e-5, atol=0.0)
        else:
            assert not bool(tensor.any()), name


def test_pq2_the_authors_weights_are_normal_within_two_deviations() -> None:
    drawn = truncated_normal_matrix(400, 500, np.random.default_rng(3)) * 400**0.5 * TRUNCATED_DEVIATION
    assert float(drawn.abs().max()) <= 2.0
    # Of the standard normal cut at two: the variance is 1 - 4 phi(2) / (2 Phi(2) - 1).
    assert float(drawn.square().mean()) == pytest.approx(0.77374, abs=0.01)
    assert pytest.approx(0.77374, abs=1e-5) == TRUNCATED_DEVIATION**2
    for name, gain in {"hidden.weight": 2.0**0.5, "output.weight": 1.0}.items():
        weight = dict(filled("pqn").named_parameters())[name].detach()
        assert float(weight.std()) == pytest.approx(gain / weight.shape[1] ** 0.5, rel=0.05)


def played(action_values: torch.Tensor, steps: dict[str, list[Any]]) -> Rollout:
    """One actor's steps, in float64."""
    rewards, values, nexts = (
        torch.tensor(steps[name], dtype=torch.float64)[:, None] for name in ("rewards", "values", "nexts")
    )
    actions = torch.zeros(len(rewards), 1, dtype=torch.int64)
    cut = torch.tensor(steps["cut"], dtype=torch.bool)[:, None]
    return Rollout(rewards, actions, ActionValues(action_values), values, nexts, cut)


def test_pc6_pc7_returns_mix_the_next_ones_with_the_largest_values_and_stop_at_every_end() -> None:
    config: Any = load_variant("pqn_cleanrl").settings.model_copy(update={"discount": 0.5, "q_lambda": 0.25})
    rollout = played(torch.zeros(5, 1, 3), STEPS)
    found = pqn.targets(rollout, config)
    last = 1.0 + 0.5 * 5.0
    cut = 1.0 + 0.5 * 3.0  # truncated where the state was worth 3
    expected = [1.0 + 0.5 * (0.25 * 2.0 + 0.75 * 1.0), 2.0, 0.5 * (0.25 * cut + 0.75 * 1.0), cut, last]
    np.testing.assert_allclose(found.returns[:, 0], expected)
    np.testing.assert_allclose(found.advantages[:, 0], np.array(expected) - STEPS["values"])
    outputs = ActionValues(torch.tensor([[1.0, 3.0, 2.0], [0.5, -1.0, 0.0]]))
    assert pqn.state_values(outputs, config).tolist() == [3.0, 0.5]
    assert pqn.act(outputs, torch.rand(2, 3)).tolist() == [1, 0]


@pytest.mark.parametrize("lambda_", [0.0, 0.65, 1.0])
def test_pc6_returns_are_the_sums_of_n_step_returns_that_lambda_weighs(lambda_: float) -> None:
    """(1 - lambda) sum lambda^(n-1) R^(n), the rest of the weight on the longest, in float64, where nothing ends."""
    stream, gamma, n = np.random.default_rng(4), 0.99, 12
    rewards, values = stream.normal(size=n), stream.normal(size=n + 1)
    steps = {"rewards": list(rewards), "values": list(values[:-1]), "nexts": list(values[1:]), "cut": [0] * n}
    config: Any = load_variant("pqn_cleanrl").settings.model_copy(update={"q_lambda": lambda_})
    found = pqn.targets(played(torch.zeros(n, 1, 3), steps), config).returns[:, 0].numpy()
    for t in range(n):
        longest = n - t
        of_steps = [
            sum(gamma**k * rewards[t + k] for k in range(m)) + gamma**m * values[t + m] for m in range(1, longest + 1)
        ]
        weights = [(1 - lambda_) * lambda_ ** (m - 1) for m in range(1, longest)] + [lambda_ ** (longest - 1)]
        assert found[t] == pytest.approx(float(np.dot(weights, of_steps)), rel=1e-9)


@pytest.mark.parametrize(("variant", "share"), [("pqn_cleanrl", 1.0), ("pqn", 0.5)])
def test_pc8_pq5_the_loss_is_the_mean_squared_error_of_the_action_taken_or_half_of_it(
    variant: str, share: float
) -> None:
    stream = np.random.default_rng(5)
    values, returns, actions = stream.normal(size=(6, 4)), stream.normal(size=6), stream.integers(4, size=6)
    outputs = ActionValues(torch.tensor(values, requires_grad=True))
    nothing = torch.zeros(6)
    batch = Minibatch(
        torch.from_numpy(actions), outputs, nothing, nothing, torch.from_numpy(returns), RolloutFrames(0, 0)
    )
    loss = pqn.loss(outputs, batch, load_variant(variant).settings)
    errors = values[np.arange(6), actions] - returns
    assert loss.item() == pytest.approx(share * np.mean(errors**2))
    (gradient,) = torch.autograd.grad(loss, outputs.action_values)
    expected = np.zeros((6, 4))
    expected[np.arange(6), actions] = 2.0 * share * errors / 6
    np.testing.assert_allclose(gradient, expected)
