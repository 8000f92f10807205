"""How PQN plays and updates: exploration, minibatches, rates, RAdam (rows PC4, PC5, PC9 to PC12, PQ3 to PQ8)."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from replication.algorithms.on_policy.contract import Minibatch
from replication.specification.families.on_policy import RAdamConfig, RolloutFrames
from replication.specification.loading import load_variant
from replication.training.on_policy.evaluated_network import EvaluatedNetwork
from replication.training.on_policy.loop import epsilon_of
from replication.training.on_policy.updates import clipped_to_norm
from replication.training.optimizers import RAdam
from tests.support.on_policy import advance, opened, small_run
from tests.training.test_on_policy_loop import played, rates, small_learner

SMALL: dict[str, Any] = {"num_actors": 4, "rollout_steps": 8}


def epsilons(variant: str, rollouts: int) -> list[list[float]]:
    """The share of random actions in each step of the first rollouts of a run with the variant's own numbers."""
    config: Any = load_variant(variant).settings
    run = SimpleNamespace(protocol=SimpleNamespace(training=SimpleNamespace(frame_skip=4)))
    found = []
    for first in range(0, rollouts * config.least_rollout_steps, config.least_rollout_steps):
        lanes = [SimpleNamespace(config=config, run=run, step=first + i * config.num_actors) for i in range(3)]
        found.append([epsilon_of(SimpleNamespace(lane=lane), first) for lane in lanes])  # type: ignore[arg-type]
    return found


def test_pc4_pc9_epsilon_of_cleanrl_is_read_in_each_step_by_the_steps_with_it() -> None:
    first, second = epsilons("pqn_cleanrl", 2)
    assert first == pytest.approx([1.0 - 0.99 * 8 * steps / 1e6 for steps in (1, 2, 3)], abs=1e-12)
    assert second == pytest.approx([1.0 - 0.99 * (1_024 + 8 * steps) / 1e6 for steps in (1, 2, 3)], abs=1e-12)
    exploration = load_variant("pqn_cleanrl").settings.exploration
    assert exploration.at(4_000_000) == exploration.at(40_000_000) == pytest.approx(0.01)


def test_pq3_pq6_epsilon_of_the_authors_is_read_once_a_rollout_by_the_updates_before_it() -> None:
    found = epsilons("pqn", 3)
    decay = 0.1 * (50_000_000 // 4_096)
    for update, shares in enumerate(found):
        assert shares == pytest.approx([1.0 - 0.999 * update / decay] * 3, abs=1e-9)
    assert load_variant("pqn").settings.exploration.at(20_000_000) == pytest.approx(0.001)


def test_pc9_pq6_so_many_actions_are_drawn_from_all_and_the_others_are_those_of_the_largest_values() -> None:
    learner = small_learner("pqn_cleanrl", **SMALL)
    stacks = np.zeros((4_000, 84, 84, 1), dtype=np.uint8)
    outputs, values, actions = learner.act(stacks, 0.3)
    best = int(outputs.action_values[0].argmax())
    assert torch.equal(values, outputs.action_values[:, best])
    others = float((actions != best).double().mean())
    assert others == pytest.approx(0.15, abs=6 * math.sqrt(0.15 * 0.85 / 4_000)), "half of 0.3, of two actions"
    assert bool((learner.act(stacks)[2] == best).all())


def test_exploration_of_none_draws_nothing_from_the_stream() -> None:
    """So that the numbers of agents without it stay as they were."""
    explorers = [small_learner("pqn_cleanrl", **SMALL) for _ in range(2)]
    stacks = np.zeros((3, 84, 84, 1), dtype=np.uint8)
    explorers[0].act(stacks)
    explorers[1].act(stacks, 0.5)
    left = [learner._streams["exploration"].random() for learner in explorers]
    assert left[0] != left[1]


@pytest.mark.parametrize(
    ("variant", "epochs", "minibatches", "size"), [("pqn_cleanrl", 4, 4, 256), ("pqn", 2, 32, 128)]
)
def test_pc5_pq4_every_step_is_in_one_minibatch_of_each_epoch(
    variant: str, epochs: int, minibatches: int, size: int
) -> None:
    config: Any = load_variant(variant).settings
    assert (config.epochs, config.minibatches) == (epochs, minibatches)
    assert config.least_rollout_steps == size * minibatches
    learner = small_learner(variant, num_actors=4, rollout_steps=8, minibatches=4)
    states, rollout = played(learner, 8, 4)
    numbered = rollout.__class__(**vars(rollout) | {"values": torch.arange(32.0).reshape(8, 4)})
    seen: list[list[float]] = []

    def loss(outputs: Any, batch: Minibatch, config: Any) -> torch.Tensor:
        seen.append(batch.values.tolist())
        return outputs.action_values.mean()

    learner.algorithm = SimpleNamespace(**vars(learner.algorithm) | {"loss": loss})  # type: ignore[assignment]
    learner.update(states, numbered, RolloutFrames(0, 0))
    parts = [[step for part in seen[first : first + 4] for step in part] for first in range(0, 4 * epochs, 4)]
    assert len(seen) == 4 * epochs and all(sorted(part) == list(range(32)) for part in parts)
    assert parts[0] != parts[1]


def test_pc12_the_rate_of_a_rollout_of_cleanrl_is_that_before_its_first_step() -> None:
    assert rates("pqn_cleanrl", 2) == pytest.approx([2.5e-4] * 16 + [2.5e-4 * (1 - 1 / 9765)] * 16, rel=1e-12)


def test_pq8_the_rate_of_the_authors_is_constant() -> None:
    schedule = load_variant("pqn").settings.learning_rate_schedule
    assert schedule.factor(RolloutFrames(150_000_000, 150_000_000)) == 1.0
    assert load_variant("pqn").settings.optimizer.learning_rate == 2.5e-4


def test_pc10_gradients_are_clipped_to_a_norm_of_ten() -> None:
    most = load_variant("pqn_cleanrl").settings.max_gradient_norm
    assert clipped_to_norm((torch.tensor([12.0]), torch.tensor([16.0])), most)[1].item() == pytest.approx(8.0)
    assert most == load_variant("pqn").settings.max_gradient_norm == 10.0


def liu_2020(gradients: np.ndarray, config: RAdamConfig) -> list[float]:
    """A weight after each of these gradients, in float64, by the article's algorithm with either place of epsilon."""
    m = v = weight = 0.0
    longest = 2.0 / (1.0 - config.beta2) - 1.0
    found = []
    for t, g in enumerate(gradients, start=1):
        m, v = config.beta1 * m + (1 - config.beta1) * g, config.beta2 * v + (1 - config.beta2) * g * g
        first, second = 1 - config.beta1**t, 1 - config.beta2**t
        length = longest - 2.0 * t * config.beta2**t / second
        if length > 5.0:
            r = math.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
            before = math.sqrt(second) / (math.sqrt(v) + config.epsilon)
            after = 1.0 / (math.sqrt(v / second) + config.epsilon)
            weight -= config.learning_rate * r * m / first * (before if config.epsilon_before_correction else after)
        else:
            weight -= config.learning_rate * m / first
        found.append(weight)
    return found


@pytest.mark.parametrize("variant", ["pqn_cleanrl", "pqn"])
@pytest.mark.parametrize("size", [1.0, 1e-4, 1e-7])
def test_pc11_pq7_radam_is_the_articles_equation_in_float64(variant: str, size: float) -> None:
    config: Any = load_variant(variant).settings.optimizer
    assert (config.name, config.learning_rate, config.epsilon) == ("radam", 2.5e-4, 1e-8)
    gradients = size * np.random.default_rng(1).standard_normal(60)
    weight = torch.zeros(1)
    optimizer, found = RAdam([weight], config), []
    for gradient in gradients:
        optimizer.step([torch.tensor([gradient], dtype=torch.float32)])
        found.append(weight.item())
    expected = liu_2020(gradients, config)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6 * max(map(abs, expected)))


def test_pc11_radam_of_cleanrl_is_that_of_torch() -> None:
    config: Any = load_variant("pqn_cleanrl").settings.optimizer
    stream = np.random.default_rng(2)
    ours, theirs = torch.zeros(7), torch.zeros(7, dtype=torch.float64, requires_grad=True)
    optimizer = RAdam([ours], config)
    reference = torch.optim.RAdam([theirs], lr=config.learning_rate)
    for size in (1.0, 1e-3, 1e-6):
        for _ in range(40):
            gradient = size * stream.standard_normal(7)
            optimizer.step([torch.tensor(gradient, dtype=torch.float32)])
            theirs.grad = torch.tensor(gradient)
            reference.step()
            torch.testing.assert_close(ours.double(), theirs.detach(), rtol=1e-4, atol=1e-8)


def test_a_step_of_radam_is_scaled_by_the_factor_of_the_rate_and_stored_means_continue_it() -> None:
    config: Any = load_variant("pqn_cleanrl").settings.optimizer
    changes = []
    for factor in (1.0, 0.5):
        weight = torch.zeros(1)
        optimizer = RAdam([weight], config)
        for _ in range(10):
            before = weight.item()
            optimizer.step([torch.ones(1)], factor)
        changes.append(weight.item() - before)
    assert changes[1] == pytest.approx(0.5 * changes[0], rel=1e-4)
    again = RAdam([weight.clone()], config)
    for name, tensor in again.state().items():
        tensor.copy_(optimizer.state()[name])
    for one in (optimizer, again):
        one.step([torch.full((1,), 3.0)])
    assert torch.equal(again.parameters[0], weight)


def test_what_a_viewer_is_told_of_actions_is_their_values() -> None:
    (trainee,) = opened(small_run("pqn_cleanrl", steps=64, **SMALL))
    advance([trainee])
    network, stack = EvaluatedNetwork(trainee.learner, trainee.lane.actions), trainee.lane.stacks[0]
    stream = np.random.default_rng(0)
    values = network.action_values(stack, stream)
    assert values.shape == (3,) and abs(values.sum() - 1.0) > 1e-3
    hidden, best = network.activations(stack[None], stream)
    assert hidden.shape == (1, 32) and best[0] == pytest.approx(values.max(), rel=1e-4, abs=1e-6)
    assert network.policy(0.0)(stack, stream) == int(values.argmax())
