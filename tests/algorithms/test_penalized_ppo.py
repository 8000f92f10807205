"""PPO with a penalty, and ppo1, against numpy in float64 (rows PK1 to PK3, PO1 to PO6)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from replication.algorithms.on_policy import ppo, ppo1, ppo_penalty
from replication.algorithms.on_policy.contract import Minibatch
from replication.algorithms.policy_networks import Outputs, Spaces
from replication.specification.families.on_policy import RolloutFrames
from replication.specification.loading import load_variant
from replication.training.on_policy.updates import RolloutUpdates
from replication.training.optimizers import Adam
from tests.support.on_policy import advance, opened, small_run

BATCH, ACTIONS = 6, 4


def logs(logits: np.ndarray) -> np.ndarray:
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


class Case:
    """A minibatch, and what a network says of it now; all float64."""

    def __init__(self) -> None:
        stream = np.random.default_rng(3)
        self.logits, self.before = (stream.normal(size=(BATCH, ACTIONS)) for _ in range(2))
        self.values, self.values_before = (stream.normal(size=(BATCH, 1)) for _ in range(2))
        self.actions = stream.integers(ACTIONS, size=BATCH)
        self.advantages, self.returns = stream.normal(size=(2, BATCH))
        self.outputs = Outputs(torch.from_numpy(self.logits), torch.from_numpy(self.values))
        before = Outputs(torch.from_numpy(self.before), torch.from_numpy(self.values_before))
        numbers = (self.values_before[:, 0], self.advantages, self.returns)
        values, advantages, returns = (torch.from_numpy(part) for part in numbers)
        frames = RolloutFrames(22_000_000, 22_000_004)
        self.batch = Minibatch(torch.from_numpy(self.actions), before, values, advantages, returns, frames)
        taken = np.arange(BATCH), self.actions
        self.ratios = np.exp(logs(self.logits)[taken] - logs(self.before)[taken])
        self.errors = (self.values[:, 0] - self.returns) ** 2
        self.entropy = -(np.exp(logs(self.logits)) * logs(self.logits)).sum(axis=1).mean()
        self.kl = (np.exp(logs(self.before)) * (logs(self.before) - logs(self.logits))).sum(axis=1).mean()


@pytest.mark.parametrize("penalty", [1.0, 8.0])
def test_pk1_pk3_loss_of_ppo_with_a_penalty(penalty: float) -> None:
    case, config = Case(), load_variant("ppo_penalty").settings
    advantages = (case.advantages - case.advantages.mean()) / (case.advantages.std() + 1e-8)
    expected = -(advantages * case.ratios).mean() + penalty * case.kl + 0.25 * case.errors.mean() - 0.01 * case.entropy
    found = ppo_penalty.penalized_loss(case.outputs, case.batch, config, torch.tensor(penalty, dtype=torch.float64))
    assert found.item() == pytest.approx(expected, rel=1e-9)
    if penalty == config.penalty_start:
        assert ppo_penalty.loss(case.outputs, case.batch, config).item() == pytest.approx(expected, rel=1e-9)


def test_the_divergence_is_from_the_policy_that_played_to_the_new_one() -> None:
    p, q = np.array([0.5, 0.5]), np.array([0.9, 0.1])
    before, after = (Outputs(torch.log(torch.from_numpy(part))[None], torch.zeros(1, 1)) for part in (p, q))
    found = before.divergences(after._replace(logits=after.logits + 3.0))
    assert found.item() == pytest.approx((p * np.log(p / q)).sum(), rel=1e-12)


@pytest.mark.parametrize(
    ("kl", "becomes"),
    [(0.0066, 1.0), (0.0067, 2.0), (0.01, 2.0), (0.0149, 2.0), (0.0151, 4.0)],
)
def test_pk2_the_coefficient_follows_how_far_the_policy_has_come(kl: float, becomes: float) -> None:
    assert load_variant("ppo_penalty").settings.target_kl == 0.01
    assert ppo_penalty.adapted(torch.tensor(2.0), torch.tensor(kl), 0.01).item() == becomes


def test_pk2_the_coefficient_never_becomes_zero_or_infinite() -> None:
    least, most = (torch.tensor(bound) for bound in (ppo_penalty.LEAST, 1.0 / ppo_penalty.LEAST))
    assert ppo_penalty.adapted(least, torch.tensor(0.0), 0.01) == least
    assert ppo_penalty.adapted(most, torch.tensor(1.0), 0.01) == most


def test_pk2_the_coefficient_is_moved_once_a_rollout_and_is_a_part_of_checkpoints() -> None:
    run = small_run("ppo_penalty", num_actors=4, rollout_steps=8, steps=64, target_kl=100.0)
    (trainee,) = opened(run)
    assert trainee.learner.tensors()["network.penalty"].item() == 1.0
    advance([trainee])
    assert trainee.learner.tensors()["network.penalty"].item() == 0.25


def of_ppo1(**changes: Any) -> Any:
    return small_run("ppo1", **({"num_actors": 2, "rollout_steps": 8} | changes)).settings


def test_po5_loss_of_ppo1() -> None:
    case, config = Case(), load_variant("ppo1").settings
    clip = 0.1  # half of the 44 million frames are left
    clipped = np.clip(case.ratios, 1 - clip, 1 + clip)
    policy = np.maximum(-case.advantages * case.ratios, -case.advantages * clipped).mean()
    expected = policy + case.errors.mean() - 0.01 * case.entropy
    assert ppo1.loss(case.outputs, case.batch, config).item() == pytest.approx(expected, rel=1e-9)


def test_po4_ppo1_scales_advantages_of_each_actor_once_a_rollout(monkeypatch: pytest.MonkeyPatch) -> None:
    config, seen = of_ppo1(), []
    stream = np.random.default_rng(1)
    advantages = torch.from_numpy(stream.normal(size=16))
    before = Outputs(torch.zeros(16, 2), torch.zeros(16, 1))
    batch = Minibatch(
        torch.zeros(16, dtype=torch.int64), before, advantages, advantages, advantages, RolloutFrames(0, 0)
    )
    monkeypatch.setattr(ppo1, "loss", lambda outputs, part, config: seen.append(part.advantages) or torch.zeros(()))

    class Steps:
        def minibatches(self) -> Any:
            yield from (slice(0, 8), slice(8, 16))

        def step(self, loss: torch.Tensor) -> None:
            pass

    ppo1.update(lambda pixels: before, torch.zeros(16), batch, Steps(), config)
    steps = advantages.numpy().reshape(8, 2)
    np.testing.assert_allclose(torch.cat(seen).reshape(8, 2), (steps - steps.mean(axis=0)) / steps.std(axis=0))


@pytest.mark.parametrize(("variant", "parts"), [("ppo1", 4), ("trpo_baselines", 8)])
def test_po3_tb3_tb8_a_minibatch_has_as_many_steps_of_each_actor(variant: str, parts: int) -> None:
    config = load_variant(variant).settings
    actors, steps = config.num_actors, config.rollout_steps
    updates = RolloutUpdates(Any, config, actors * steps, np.random.default_rng(2), RolloutFrames(0, 0))  # type: ignore[arg-type]
    found = [part.numpy() for part in updates.minibatches()]
    assert len(found) == config.epochs * parts
    for part in found:
        assert np.bincount(part % actors).tolist() == [64] * actors
    for first in range(0, len(found), parts):
        assert sorted(np.concatenate(found[first : first + parts])) == list(range(actors * steps))
    assert not np.array_equal(found[0], found[parts])
    first, second = (found[0][found[0] % actors == actor] // actors for actor in (0, 1))
    assert not np.array_equal(first, second), "each actor's steps are shuffled for themselves"


def test_po1_dense_layers_begin_with_columns_of_their_length_and_convolutions_uniform() -> None:
    config = load_variant("ppo1").settings
    network = ppo1.network(config, Spaces(ACTIONS))
    ppo1.initialise(network, np.random.default_rng(5), config)
    lengths = {network.hidden: 1.0, network.policy: 0.01, network.values: 1.0}
    for layer, length in lengths.items():
        norms = torch.linalg.vector_norm(layer.weight, dim=1)
        torch.testing.assert_close(norms, torch.full_like(norms, length), rtol=1e-5, atol=0.0)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            outputs, inputs, height, width = layer.weight.shape
            bound = math.sqrt(6.0 / (height * width * (inputs + outputs)))
            assert 0.99 * bound < layer.weight.abs().max().item() <= bound
            assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3.0), rel=0.03)
        if isinstance(layer, nn.Conv2d | nn.Linear):
            assert not layer.bias.any()


def test_po2_the_first_frame_of_a_trajectory_is_repeated() -> None:
    (trainee,) = opened(small_run("ppo1", num_actors=2, rollout_steps=8))
    for stack in trainee.lane.stacks:
        assert all(np.array_equal(stack[..., 0], stack[..., frame]) for frame in range(4)) and stack.any()


def test_tb2_a_state_of_trpo_is_a_single_frame() -> None:
    (trainee,) = opened(small_run("trpo_baselines", num_actors=2, rollout_steps=8))
    assert trainee.lane.stacks.shape == (2, 84, 84, 1)


@pytest.mark.parametrize(("variant", "rate", "epsilon"), [("ppo1", 1e-3, 1e-5), ("trpo_baselines", 1e-4, 1e-8)])
def test_po6_tb8_the_first_step_of_adam(variant: str, rate: float, epsilon: float) -> None:
    """The constant is added before the correction of the bias, where sqrt(v) is 0.0316 |g|."""
    settings, gradient, weight = load_variant(variant).settings.optimizer, 1e-4, torch.zeros(1)
    Adam([weight], settings).step([torch.full((1,), gradient)])
    expected = -rate * gradient / (gradient + epsilon / math.sqrt(0.001))
    assert weight.item() == pytest.approx(expected, rel=1e-4)


def test_po6_pk1_the_rate_of_ppo1_falls_with_its_clip_range() -> None:
    config = load_variant("ppo1").settings
    assert config.learning_rate_schedule == config.clip_range_schedule
    assert config.learning_rate_schedule.factor(RolloutFrames(11_000_000, 11_000_004)) == 0.75
    assert ppo.Config is ppo1.Config
