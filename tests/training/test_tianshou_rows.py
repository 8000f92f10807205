"""Rows of the fidelity tables of Tianshou's A2C and PPO, each in a test named after it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from replication.environments.contract import ContinuousActions
from replication.specification.families.on_policy import OnPolicyConfig, RMSPropConfig, RolloutFrames
from replication.specification.loading import load_variant
from replication.specification.run import Run, resolve_run
from replication.training.on_policy import loop
from replication.training.on_policy.trainee import Trainee
from replication.training.on_policy.updates import clipped_to_norm
from replication.training.on_policy.vector_actor import between_bounds
from replication.training.optimizers import RMSProp
from tests.support.vectors import advance, opened, small_run

A2C, PPO, REINFORCE = "a2c_tianshou", "ppo_tianshou", "reinforce_tianshou"


def settings(variant: str) -> Any:
    return load_variant(variant).settings


def whole_run(variant: str, steps: int) -> Run:
    return resolve_run(variant=variant, task="inverted_pendulum", seed=1, budget_steps=steps)


def played(variant: str, rollouts: int = 2, **changes: Any) -> Trainee:
    """A run that has learned from some rollouts and played another, in which trajectories are cut."""
    (trainee,) = opened(small_run(variant, **changes))
    for _ in range(rollouts):
        loop.play_rollout(trainee)
        loop.learn(trainee)
    loop.play_rollout(trainee)
    return trainee


@pytest.mark.parametrize(
    ("variant", "steps", "rollout", "epochs", "minibatches", "period"),
    [(A2C, 300_000, 80, 1, 1, 30_000), (PPO, 307_200, 2048, 10, 32, 30_720)],
)
def test_an1_an8_pu1_pu8_rollouts_and_evaluations_are_those_of_the_scripts(
    variant: str, steps: int, rollout: int, epochs: int, minibatches: int, period: int
) -> None:
    run = whole_run(variant, steps)
    config, periodic = run.settings_as(OnPolicyConfig), run.protocol.periodic_evaluation
    assert (config.least_rollout_steps, config.epochs, config.minibatches) == (rollout, epochs, minibatches)
    assert periodic is not None and periodic.period_steps == period and period % rollout == 0
    assert rollout * -(-30_000 // rollout) == period, "the fewest rollouts that have 30,000 steps"


@pytest.mark.parametrize("variant", [A2C, PPO])
def test_an2_advantages_are_generalized_estimates_to_the_end_of_the_rollout(variant: str) -> None:
    trainee = played(variant)
    rollout = trainee.store.rollout(trainee.learner.state_values(trainee.learner.shown(trainee.lane.stacks)))
    config, found = trainee.learner.config, trainee.learner.algorithm.targets(rollout, trainee.learner.config)
    assert rollout.cut.any() and (config.discount, getattr(config, "gae_lambda", None)) == (0.99, 0.95)
    later = np.zeros(3)
    for t in reversed(range(8)):
        values, after = rollout.values[t].numpy(), rollout.next_values[t].numpy()
        delta = rollout.rewards[t].numpy() + 0.99 * after - values
        later = delta + 0.99 * 0.95 * np.where(rollout.cut[t], 0.0, later)
        np.testing.assert_allclose(found.advantages[t], later, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found.returns[t], later + values, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("variant", [A2C, PPO])
def test_an3_pu3_values_and_returns_are_divided_by_the_deviation_and_advantages_are_not(variant: str) -> None:
    trainee = played(variant)
    learner, normalization = trainee.learner, trainee.learner.normalization
    mean, deviation = normalization.unit_of_returns()
    assert mean == 0.0 and deviation > 1.5
    states = learner.shown(trainee.lane.stacks)
    learned = learner.algorithm.state_values(learner.outputs(states), learner.config)
    torch.testing.assert_close(learner.state_values(states), deviation * learned)
    rollout = trainee.store.rollout(learner.state_values(states))
    raw = learner.algorithm.targets(rollout, learner.config)
    count = normalization.tensors()["returns.count"].item()
    found = normalization.targets(raw)
    assert torch.equal(found.advantages, raw.advantages)
    torch.testing.assert_close(found.returns, raw.returns / deviation)
    assert normalization.tensors()["returns.count"].item() == count + 24
    now = normalization.unit_of_returns()[1]
    torch.testing.assert_close(normalization.learned_values(now * learned), learned)


def minibatch_of(trainee: Trainee) -> tuple[Any, Any]:
    """The outputs of the network as it is, and a made-up minibatch of the rollout that was played."""
    learner = trainee.learner
    rollout = trainee.store.rollout(torch.zeros(3))
    stream = np.random.default_rng(1)

    class Batch:
        actions, values = rollout.actions.flatten(0, 1), rollout.values.flatten(0, 1)
        outputs = type(rollout.outputs)(*(part.flatten(0, 1) for part in rollout.outputs))
        advantages, returns = (torch.from_numpy(stream.standard_normal(24).astype(np.float32)) for _ in range(2))
        frames = RolloutFrames(0, 23)

    with torch.no_grad():
        for parameter in learner.network.parameters():
            parameter.add_(0.2)  # so that probabilities are not what they were
    return learner.network(learner.inputs(trainee.store.states.flatten(0, 1))), Batch


def test_an4_the_loss_of_a2c_is_that_of_torch_distributions() -> None:
    trainee = played(A2C)
    outputs, batch = minibatch_of(trainee)
    policy = torch.distributions.Independent(torch.distributions.Normal(outputs.means, outputs.log_deviations.exp()), 1)
    expected = (
        -(policy.log_prob(batch.actions) * batch.advantages).mean()
        + 0.5 * torch.nn.functional.mse_loss(batch.returns, outputs.values[:, 0])
        - 0.01 * policy.entropy().mean()
    )
    torch.testing.assert_close(trainee.learner.algorithm.loss(outputs, batch, trainee.learner.config), expected)


def test_pu4_the_loss_of_ppo_is_that_of_torch_distributions() -> None:
    trainee = played(PPO)
    outputs, batch = minibatch_of(trainee)
    now, before = (
        torch.distributions.Independent(torch.distributions.Normal(each.means, each.log_deviations.exp()), 1)
        for each in (outputs, batch.outputs)
    )
    ratio = (now.log_prob(batch.actions) - before.log_prob(batch.actions)).exp()
    assert bool(((ratio - 1.0).abs() > 0.2).any()), "some are clipped"
    clipped = torch.min(ratio * batch.advantages, ratio.clamp(0.8, 1.2) * batch.advantages)
    expected = -clipped.mean() + 0.25 * (batch.returns - outputs.values[:, 0]).pow(2).mean()
    torch.testing.assert_close(trainee.learner.algorithm.loss(outputs, batch, trainee.learner.config), expected)


@pytest.mark.parametrize("variant", [A2C, PPO])
def test_an5_pu5_the_gradient_is_cut_to_a_length_of_one_half(variant: str) -> None:
    most = settings(variant).max_gradient_norm
    gradients = (torch.tensor([3.0]), torch.tensor([[4.0]]))
    found = torch.cat([part.flatten() for part in clipped_to_norm(gradients, most)])
    parameters = [torch.nn.Parameter(torch.zeros_like(part)) for part in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.clone()
    torch.nn.utils.clip_grad_norm_(parameters, 0.5)
    expected = torch.cat([parameter.grad.flatten() for parameter in parameters if parameter.grad is not None])
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


def test_an6_rmsprop_is_that_of_torch_and_its_rate_falls_over_37500_rollouts() -> None:
    config, stream = settings(A2C).optimizer, np.random.default_rng(1)
    assert isinstance(config, RMSPropConfig)
    ours, theirs = torch.ones(5), torch.nn.Parameter(torch.ones(5))
    optimizer, reference = RMSProp([ours], config), torch.optim.RMSprop([theirs], lr=7e-4, alpha=0.99, eps=1e-5)
    for _ in range(20):
        gradient = torch.from_numpy(1e-4 * stream.standard_normal(5).astype(np.float32))
        optimizer.step([gradient])
        theirs.grad = gradient.clone()
        reference.step()
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-6, atol=1e-7)
    inside = RMSProp([torch.ones(5)], config.model_copy(update={"epsilon_outside_root": False}))
    inside.step([torch.full((5,), 1e-4)])
    assert abs(float(inside.parameters[0][0]) - 1.0) < 1e-4, "within the root the constant weighs more"
    schedule = settings(A2C).learning_rate_schedule
    found = [schedule.factor(RolloutFrames(80 * rollout, 80 * rollout + 79)) for rollout in (0, 3_750, 37_500)]
    assert found == [1.0, 0.9, 0.0]


def test_pu6_adam_of_ppo_starts_at_its_rate_which_falls_over_1500_rollouts() -> None:
    trainee = played(PPO, rollouts=0, epochs=1, minibatches=1)
    parameters = list(trainee.learner.network.parameters())
    before = [parameter.detach().clone() for parameter in parameters]
    loop.learn(trainee)
    moved = max(float((now - old).detach().abs().max()) for now, old in zip(parameters, before, strict=True))
    assert moved == pytest.approx(3e-4, rel=0.01)
    schedule = settings(PPO).learning_rate_schedule
    assert schedule.factor(RolloutFrames(2048 * 150, 0)) == pytest.approx(0.9)


@pytest.mark.parametrize("variant", [A2C, PPO])
def test_an7_pu7_drawn_actions_are_cut_to_the_bounds(variant: str) -> None:
    actions = ContinuousActions(low=(-3.0,), high=(3.0,))
    found = between_bounds(np.array([[0.5], [7.0], [-7.0]], np.float32), actions, settings(variant).network)
    assert found.tolist() == [[1.5], [3.0], [-3.0]]


def test_pu2_advantages_are_computed_anew_before_each_epoch_by_the_critic_as_it_is() -> None:
    trainee = played(PPO)
    learner, algorithm = trainee.learner, trainee.learner.algorithm
    taught: list[tuple[torch.Tensor, torch.Tensor]] = []
    known = [value.clone() for value in learner.normalization.tensors().values()]

    class Watched:
        def __getattr__(self, name: str) -> Any:
            return getattr(algorithm, name)

        def targets(self, rollout: Any, config: Any) -> Any:
            taught.append((rollout.values.clone(), rollout.next_values.clone()))
            return algorithm.targets(rollout, config)

    learner.algorithm = Watched()  # type: ignore[assignment]
    states, cut = trainee.store.states.clone(), torch.from_numpy(np.stack(trainee.store._ended))
    at_start = learner.state_values(states.flatten(0, 1).numpy()).unflatten(0, (8, 3))
    loop.learn(trainee)
    assert len(taught) == 3 and cut.any()
    torch.testing.assert_close(taught[0][0], at_start)
    for (_, before), (_, after) in pairwise(taught):
        assert not torch.equal(before[cut], after[cut]), "states at the cap are valued anew too"
    assert not torch.equal(taught[1][0], at_start)
    before = learner.normalization.tensors()["returns.count"]
    assert before.item() == known[-1].item() + 3 * 24
    (once,) = opened(small_run(PPO, recompute_advantages=False))
    (anew,) = opened(small_run(PPO))
    advance([once], 3)
    advance([anew], 3)
    ours, theirs = (each.learner.network.state_dict()["policy.weight"] for each in (once, anew))
    assert not torch.equal(ours, theirs)


@pytest.mark.parametrize("variant", [REINFORCE, A2C, PPO])
def test_tn10_what_is_scored_are_the_evaluations_themselves(variant: str) -> None:
    run = whole_run(variant, 300_000 if variant == A2C else 307_200)
    assert run.protocol.published_quantity == "periodic_evaluations" and run.protocol.final_evaluation is None
    assert run.protocol.evaluation_score is not None and 0 in run.protocol.evaluation_score.at_steps
