"""The loss of DQN against numbers worked by hand (fidelity rows O1, O2, V13, V14)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from replication.algorithms import dqn
from replication.algorithms.contract import Batch, load_algorithm
from replication.config import load_variant, variant_config
from replication.errors import ReplicationError

CONFIG = variant_config(load_variant("dqn"), dqn.Config)
NO_DRAWS: Mapping[str, Tensor] = {}


def _batch(rewards: list[float], discounts: list[float], actions: list[int]) -> Batch:
    states = torch.zeros((len(rewards), 1), dtype=torch.uint8)
    return Batch(states, torch.tensor(actions), torch.tensor(rewards), torch.tensor(discounts), states)


@pytest.mark.parametrize(
    ("td_error", "gradient", "loss"), [(0.5, -0.5, 0.125), (3.0, -1.0, 2.5), (-3.0, 1.0, 2.5), (1.0, -1.0, 0.5)]
)
def test_o1_d13_gradient_is_the_td_error_clipped_to_one(td_error: float, gradient: float, loss: float) -> None:
    q_tm1 = torch.tensor([[7.0, 0.0]], requires_grad=True)
    found = dqn.loss(lambda s: q_tm1, lambda s: torch.zeros(1, 2), _batch([td_error], [0.99], [1]), NO_DRAWS, CONFIG)
    assert found.per_transition.item() == pytest.approx(loss)
    assert found.priority.item() == pytest.approx(min(abs(td_error), 1.0))
    found.per_transition.sum().backward()
    assert q_tm1.grad is not None
    assert q_tm1.grad.tolist() == [[0.0, gradient]]


def test_o1_d14_target_is_reward_plus_discounted_best_value_and_has_no_gradient() -> None:
    q_tm1 = torch.tensor([[1.0, 2.0], [1.0, 2.0]], requires_grad=True)
    q_target_t = torch.tensor([[0.1, 0.3], [0.5, -5.0]], requires_grad=True)
    batch = _batch([1.0, -1.0], [0.99, 0.0], [0, 1])
    found = dqn.loss(lambda s: q_tm1, lambda s: q_target_t, batch, NO_DRAWS, CONFIG)
    # 1 + 0.99 * 0.3 - 1 = 0.297: half its square. -1 - 2 = -3, past the clip: 3 - 0.5.
    assert found.per_transition.tolist() == pytest.approx([0.297**2 / 2, 2.5])
    found.per_transition.sum().backward()
    assert q_target_t.grad is None


def test_o2_gradient_is_summed_over_the_batch() -> None:
    """32 equal transitions give 32 times the gradient of one."""
    gradients = []
    for size in (1, 32):
        weight = torch.tensor([0.25], requires_grad=True)
        batch = _batch([1.0] * size, [0.0] * size, [0] * size)
        forward = lambda s, w=weight, n=size: w.expand(n, 1)  # noqa: E731
        total = dqn.loss(forward, forward, batch, NO_DRAWS, CONFIG).per_transition.sum()
        gradients.append(torch.autograd.grad(total, weight)[0].item())
    assert CONFIG.loss_reduction == "sum"
    assert gradients[1] == pytest.approx(32 * gradients[0])


def test_gradient_of_a_real_batch_equals_a_float64_reference() -> None:
    generator = np.random.default_rng(0)
    networks = []
    for seed in (1, 2):
        network = dqn.network(CONFIG, 6)
        dqn.initialise(network, np.random.default_rng(seed), CONFIG)
        networks.append(network)
    online, target = networks
    states = torch.from_numpy(generator.integers(0, 256, (2, 8, 4, 84, 84), dtype=np.uint8))
    rewards = torch.from_numpy(generator.choice([-1.0, 0.0, 1.0], 8).astype(np.float32))
    actions = torch.from_numpy(generator.integers(0, 6, 8))
    discounts = torch.tensor([0.99] * 6 + [0.0] * 2)
    batch = Batch(states[0], actions, rewards, discounts, states[1])
    total = dqn.loss(online, target, batch, NO_DRAWS, CONFIG).per_transition.sum()
    gradients = torch.autograd.grad(total, list(online.parameters()))

    # The same in float64, written out: clipped TD error times the gradient of Q(s, a).
    online, target = online.double(), target.double()
    _in_float64(online), _in_float64(target)
    q = online(states[0]).gather(1, actions[:, None]).squeeze(1)
    with torch.no_grad():
        delta = rewards + discounts * target(states[1]).max(1).values - q
    reference = torch.autograd.grad(-(delta.clamp(-1, 1) * q).sum(), list(online.parameters()))
    for gradient, exact in zip(gradients, reference, strict=True):
        torch.testing.assert_close(gradient.double(), exact, rtol=1e-3, atol=1e-5)


def test_an_unknown_algorithm_is_one_line() -> None:
    with pytest.raises(ReplicationError, match="did you mean 'dqn'"):
        load_algorithm("dqm")


def _in_float64(network: torch.nn.Module) -> None:
    """Let the network take its pixels in float64 too."""
    network.convolutions.forward = _float64_convolutions.__get__(network.convolutions)  # type: ignore[union-attr]


def _float64_convolutions(self: torch.nn.Module, pixels: Tensor) -> Tensor:
    x = pixels.double() / 255
    for layer in self.layers:  # type: ignore[union-attr]
        x = torch.relu(layer(x))
    return x.flatten(1)
