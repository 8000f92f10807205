"""DDPG and TD3 against their equations, and an update against torch's own gradients in float64.

The same update was compared once with Stable-Baselines3 2.9.2's TD3 and DDPG, by hand, with equal weights and batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from replication.algorithms.off_policy_continuous import ddpg, td3
from replication.algorithms.off_policy_continuous.contract import ActionBounds
from replication.algorithms.perceptrons import Shape
from replication.specification.loading import load_variant
from replication.training.off_policy_continuous.learner import shapes
from replication.training.off_policy_continuous.trainee import Trainee, new_trainee
from replication.training.replay.vectors import Columns
from tests.support.continuous import small_run

BOUNDS = ActionBounds(torch.tensor([-2.0, -1.0]), torch.tensor([2.0, 1.0]))


def test_the_target_of_ddpg_is_the_reward_and_the_discounted_value_of_what_goes_on() -> None:
    config = load_variant("ddpg_2015").settings
    found = ddpg.targets(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0]), torch.tensor([[10.0, 20.0]]), config)
    assert found.tolist() == pytest.approx([1.0 + 0.99 * 10.0, 2.0])
    actions = torch.tensor([[1.0, 0.5]])
    assert ddpg.target_actions(actions, None, BOUNDS, config) is actions


def test_the_target_of_td3_takes_the_lower_critic() -> None:
    config, values = load_variant("td3_2018").settings, torch.tensor([[10.0, 1.0], [5.0, 3.0]])
    found = td3.targets(torch.zeros(2), torch.ones(2), values, config)
    assert found.tolist() == pytest.approx([0.99 * 5.0, 0.99 * 1.0])


@pytest.mark.parametrize(("unit", "times"), [("action", [1.0, 1.0]), ("largest_action", [2.0, 1.0])])
def test_td3_smooths_the_target_s_actions_with_clipped_noise_within_the_bounds(unit: str, times: list[float]) -> None:
    config = load_variant("td3_2018").settings.model_copy(update={"noise_unit": unit})
    actions, noise = (
        torch.tensor([[0.0, 0.0], [0.1, 0.9], [0.0, 0.0]]),
        torch.tensor([[1.0, -1.0], [1.0, 9.0], [-9.0, 9.0]]),
    )
    found = td3.target_actions(actions, noise, BOUNDS, config)
    scale = torch.tensor(times)
    expected = actions + torch.tensor([[0.2, -0.2], [0.2, 0.5], [-0.5, 0.5]]) * scale
    expected[1, 1] = 1.0
    assert torch.allclose(found, expected)


def test_the_actor_learns_in_every_update_of_ddpg_and_in_the_last_of_each_two_of_td3() -> None:
    ddpg_config, td3_config = load_variant("ddpg_2015").settings, load_variant("td3_2018").settings
    assert [ddpg.updates_actor(update, ddpg_config) for update in range(3)] == [True, True, True]
    assert [td3.updates_actor(update, td3_config) for update in range(4)] == [False, True, False, True]


@pytest.mark.parametrize("module", [ddpg, td3])
def test_gradients_of_the_losses_are_torch_s_own(module: Any) -> None:
    config, stream = load_variant("td3_2018").settings, np.random.default_rng(0)
    values = torch.from_numpy(stream.standard_normal((module.NUM_CRITICS, 9))).requires_grad_()
    targets = torch.from_numpy(stream.standard_normal(9))
    expected = sum(functional.mse_loss(row, targets) for row in values)
    found = module.critic_loss(values.detach(), targets, config)
    assert float(found.loss) == pytest.approx(float(expected.detach()), rel=1e-12)
    torch.testing.assert_close(found.gradient, torch.autograd.grad(expected, values)[0])
    found, expected = module.actor_loss(values[0].detach(), config), -values[0].mean()
    assert float(found.loss) == pytest.approx(float(expected.detach()), rel=1e-12)
    torch.testing.assert_close(found.gradient, torch.autograd.grad(expected, values)[0][0])


def batch_of(size: int, seen: int, acted: int, stream: np.random.Generator) -> Columns:
    rows = torch.from_numpy(stream.standard_normal((size, 2 * seen + acted + 2)).astype(np.float32))
    rows[:, seen + acted + 1] = (rows[:, seen + acted + 1] > -1.0).float()
    both = seen + acted
    return Columns(
        rows[:, :seen], rows[:, seen:both], rows[:, :both], rows[:, both], rows[:, both + 1], rows[:, both + 2 :]
    )


class Plain:
    """An agent in float64 whose gradients are torch's and whose update is written as in the papers' algorithms."""

    def __init__(self, trainee: Trainee) -> None:
        self.learner, self.config = trainee.learner, trainee.lane.config
        self.actor_shape, self.critic_shape = shapes(self.config, trainee.lane.observation_size, 1)
        self.at = {name: tensor.double().clone() for name, tensor in trainee.learner.tensors().items()}
        self.count, self.update_number = trainee.learner.algorithm.NUM_CRITICS, 0
        self.steps = {"actor": 0, "critics": 0}

    def mlp(self, shape: Shape, flat: Tensor, inputs: Tensor, extra: Tensor | None = None) -> Tensor:
        layers = shape.split(flat)
        for layer, (weights, biases) in enumerate(layers):
            if extra is not None and layer == shape.extra_layer:
                inputs = torch.cat([inputs, extra], 1)
            inputs = functional.linear(inputs, weights, biases)
            inputs = functional.relu(inputs) if layer < len(layers) - 1 else inputs
        return inputs

    def q(self, flat: Tensor, number: int, observations: Tensor, actions: Tensor) -> Tensor:
        return self.mlp(self.critic_shape, flat.chunk(self.count)[number], observations, actions)[:, 0]

    def mu(self, flat: Tensor, observations: Tensor) -> Tensor:
        return 2.0 * torch.tanh(self.mlp(self.actor_shape, flat, observations))

    def adam(self, name: str, optimizer: str, gradient: Tensor, c: Any) -> None:
        self.steps[name] += 1
        t, m, v = self.steps[name], self.at[f"{optimizer}.mean.0"], self.at[f"{optimizer}.mean_square.0"]
        m.mul_(c.beta1).add_(gradient, alpha=1 - c.beta1)
        v.mul_(c.beta2).add_(gradient.square(), alpha=1 - c.beta2)
        self.at[name] -= c.learning_rate * (m / (1 - c.beta1**t)) / ((v / (1 - c.beta2**t)).sqrt() + c.epsilon)

    def update(self, batch: Columns, noise: Tensor | None) -> None:
        c = self.config
        seen, acted, _, rewards, goes_on, after = (column.double() for column in batch)
        actions = self.mu(self.at["target_actor"], after)
        if noise is not None:
            actions = (
                actions + (c.target_noise * noise.double()).clamp(-c.target_noise_clip, c.target_noise_clip)
            ).clamp(-2, 2)
        later = torch.stack([self.q(self.at["target_critics"], i, after, actions) for i in range(self.count)])
        targets = rewards + c.discount * goes_on * later.min(dim=0).values
        critics = self.at["critics"].clone().requires_grad_()
        loss = sum((self.q(critics, i, seen, acted) - targets).square().mean() for i in range(self.count))
        gradient = torch.autograd.grad(loss, critics)[0] + c.critic.weight_decay * critics.detach()
        self.adam("critics", "critic_optimizer", gradient, c.critic.optimizer)
        self.update_number += 1
        if self.update_number % getattr(c, "policy_period_updates", 1) == 0:
            actor = self.at["actor"].clone().requires_grad_()
            loss = -self.q(self.at["critics"], 0, seen, self.mu(actor, seen)).mean()
            self.adam("actor", "actor_optimizer", torch.autograd.grad(loss, actor)[0], c.actor.optimizer)
            for name in ("actor", "critics"):
                self.at[f"target_{name}"] = c.tau * self.at[name] + (1 - c.tau) * self.at[f"target_{name}"]


@pytest.mark.parametrize("variant", ["td3_2018", "td3_code", "ddpg_tianshou", "ddpg_2015"])
def test_updates_are_those_of_a_plain_agent_in_float64(variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trainee = new_trainee(small_run(variant, noise_unit="action", tau=0.1))
    learner, stream = trainee.learner, np.random.default_rng(3)
    plain, noise = Plain(trainee), torch.from_numpy(stream.standard_normal((8, 1)).astype(np.float32))
    smoothed = noise if learner.algorithm.SMOOTHS_TARGETS else None
    monkeypatch.setattr(learner, "_target_noise", lambda: smoothed)
    for _ in range(6):
        batch = batch_of(8, 3, 1, stream)
        learner.update(batch)
        plain.update(batch, smoothed)
    for name in ("actor", "critics", "target_actor", "target_critics"):
        moved = (plain.at[name] - new_trainee(trainee.run).learner.tensors()[name].double()).abs().max()
        assert moved > 1e-4
        torch.testing.assert_close(learner.tensors()[name].double(), plain.at[name], rtol=0.0, atol=float(moved) * 2e-3)
