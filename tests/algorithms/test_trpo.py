"""TRPO on games: a whole update against numpy with an explicit Fisher matrix, and its rows (TB1 to TB9)."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from replication.algorithms.on_policy import a2c, trpo
from replication.algorithms.on_policy.contract import Minibatch
from replication.algorithms.policy_networks import Outputs, Spaces, normalized_by_actor
from replication.specification.families.on_policy import RolloutFrames
from replication.specification.loading import load_variant
from tests.support.on_policy import small_run

ACTORS, STEPS, ACTIONS = 2, 6, 3
TINY = {"convolutions": [{"channels": 2, "kernel": 12, "stride": 24}], "hidden_units": 4}


def tiny(**changes: Any) -> Any:
    """The settings of Baselines with a network of a few hundred weights, and few steps."""
    own = load_variant("trpo_baselines").config
    small = {"num_actors": ACTORS, "rollout_steps": STEPS, "minibatches": 1, "network": own["network"] | TINY}
    return small_run("trpo_baselines", **(small | changes)).settings


class Case:
    """Networks in float64 with a rollout that the policy has played."""

    def __init__(self, config: Any) -> None:
        stream = np.random.default_rng(3)
        self.config = config
        self.network = trpo.network(config, Spaces(ACTIONS)).double()
        trpo.initialise(self.network, stream, config)
        with torch.no_grad():
            self.network.policy.weight.mul_(100.0)  # not nearly uniform, as policies begin
        count = ACTORS * STEPS
        self.pixels = torch.from_numpy(stream.integers(256, size=(count, 1, 84, 84), dtype=np.uint8))
        with torch.no_grad():
            outputs = self.network(self.pixels)
        actions = torch.from_numpy(stream.integers(ACTIONS, size=count))
        advantages, returns = (torch.from_numpy(stream.normal(size=count)) for _ in range(2))
        values = outputs.values[:, 0]
        self.batch = Minibatch(actions, outputs, values, advantages, returns, RolloutFrames(0, 0))
        self.losses: list[Tensor] = []

    def minibatches(self) -> Any:
        yield slice(None)

    def step(self, loss: Tensor) -> None:
        self.losses.append(loss)

    def update(self) -> None:
        trpo.update(self.network, self.pixels, self.batch, self, self.config)


def flat(tensors: Any) -> np.ndarray:
    return np.concatenate([tensor.detach().reshape(-1).numpy() for tensor in tensors])


def reference(case: Case) -> np.ndarray:
    """The parameters of the policy after an update, by numpy: an explicit Fisher matrix of every fifth step."""
    parameters, config = trpo.parameters_of_policy(case.network), case.config.trust_region
    logits = case.network.policy_alone(case.pixels).logits
    rows = [flat(torch.autograd.grad(one, parameters, retain_graph=True)) for one in logits.reshape(-1)]
    jacobian = np.array(rows).reshape(len(logits), ACTIONS, -1)
    p = torch.softmax(logits, dim=1).detach().numpy()
    steps = case.batch.advantages.numpy().reshape(STEPS, ACTORS)
    advantages = ((steps - steps.mean(axis=0)) / steps.std(axis=0)).reshape(-1)
    slopes = np.eye(ACTIONS)[case.batch.actions.numpy()] - p
    gradient = np.mean([a * j.T @ s for a, j, s in zip(advantages, jacobian, slopes, strict=True)], axis=0)
    sparse = [step * ACTORS + actor for step in range(0, STEPS, 5) for actor in range(ACTORS)]
    fisher = np.mean([jacobian[i].T @ (np.diag(p[i]) - np.outer(p[i], p[i])) @ jacobian[i] for i in sparse], axis=0)
    fisher += config.damping * np.eye(len(fisher))
    # Ten iterations of conjugate gradients, from 0.
    x, r, d = np.zeros_like(gradient), gradient.copy(), gradient.copy()
    for _ in range(10):
        length = (r @ r) / (d @ fisher @ d)
        x, left = x + length * d, r - length * fisher @ d
        d, r = left + (left @ left) / (r @ r) * d, left
        if r @ r < 1e-10:
            break
    return flat(parameters) + x * np.sqrt(2 * config.max_kl / (x @ fisher @ x))


def test_tb4_tb5_tb7_an_update_of_the_policy_is_that_of_numpy() -> None:
    case = Case(tiny())
    start, expected = flat(trpo.parameters_of_policy(case.network)), reference(case)
    critic = flat(trpo.optimized(case.network))
    case.update()
    found = flat(trpo.parameters_of_policy(case.network))
    # The line search takes a whole step or a fraction 1/2, 1/4, ... of it.
    fraction = np.linalg.norm(found - start) / np.linalg.norm(expected - start)
    assert fraction == pytest.approx(2.0 ** np.round(np.log2(fraction)), rel=1e-5) and fraction > 0.01
    np.testing.assert_allclose(found, start + fraction * (expected - start), rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(flat(trpo.optimized(case.network)), critic)


def test_tb8_the_critic_lowers_its_mean_squared_error_alone() -> None:
    case = Case(tiny())
    case.update()
    (loss,) = case.losses
    error = case.batch.values - case.batch.returns
    assert loss.item() == pytest.approx(error.square().mean().item(), rel=1e-12)
    of_policy = torch.autograd.grad(loss, trpo.parameters_of_policy(case.network), retain_graph=True, allow_unused=True)
    assert all(gradient is None for gradient in of_policy)
    assert all(gradient.any() for gradient in torch.autograd.grad(loss, trpo.optimized(case.network))[-2:])
    assert 2 * len(trpo.optimized(case.network)) == len(list(case.network.parameters()))


def test_tb6_advantages_are_generalized_with_a_lambda_of_one() -> None:
    config = load_variant("trpo_baselines").settings
    assert trpo.targets is a2c.targets, "test_ac5_ac6 has what they are with a lambda of 1"
    assert (config.discount, config.gae_lambda) == (0.98, 1.0)


def test_tb9_the_entropy_is_added_to_the_gain_as_the_settings_weigh_it() -> None:
    case, weighed = Case(tiny()), tiny(entropy_coefficient=0.1)
    outputs = case.batch.outputs
    plain, with_entropy = (trpo.gain(outputs, case.batch, config).item() for config in (case.config, weighed))
    p = torch.softmax(outputs.logits, dim=1)
    assert with_entropy - plain == pytest.approx(-0.1 * (p * p.log()).sum(dim=1).mean().item(), rel=1e-9)
    assert plain == pytest.approx(case.batch.advantages.mean().item(), rel=1e-12)  # nothing has moved yet
    assert case.config.entropy_coefficient == 0.0


def test_tb7_po4_advantages_are_scaled_for_each_actor_apart() -> None:
    steps = torch.tensor([[1.0, 7.0, 5.0], [3.0, 7.0, 9.0]])
    found = normalized_by_actor(steps.flatten(), num_actors=3).reshape(2, 3)
    assert found.tolist() == [[-1.0, 0.0, -1.0], [1.0, 0.0, 1.0]]


def test_tb1_a_policy_and_a_critic_of_the_same_shape_share_nothing() -> None:
    config = load_variant("trpo_baselines").settings
    network = trpo.network(config, Spaces(ACTIONS))
    trpo.initialise(network, np.random.default_rng(5), config)
    parts = (trpo.parameters_of_policy(network), trpo.optimized(network))
    shapes = [[list(tensor.shape) for tensor in part if tensor.ndim > 1] for part in parts]
    trunk = [[8, 1, 8, 8], [16, 8, 4, 4], [128, 16 * 9 * 9]]
    assert shapes == [[*trunk, [ACTIONS, 128]], [*trunk, [1, 128]]]
    assert not torch.equal(network.hidden.weight, network.critic_hidden.weight)
    gains = {network.policy: 0.01, network.values: 1.0}
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            weight = layer.weight.detach().double().flatten(1)
            expected = gains.get(layer, np.sqrt(2.0)) ** 2 * torch.eye(len(weight), dtype=torch.float64)
            torch.testing.assert_close(weight @ weight.T, expected, rtol=0.0, atol=1e-5)


def test_outputs_are_those_of_either_network() -> None:
    case = Case(tiny())
    assert isinstance(case.batch.outputs, Outputs)
    torch.testing.assert_close(case.network.policy_alone(case.pixels).logits, case.batch.outputs.logits)
    torch.testing.assert_close(case.network.critic(case.pixels), case.batch.outputs.values)


def test_tr4_tr5_tr6_tr7_the_settings_of_the_article() -> None:
    config = load_variant("trpo_2015").settings
    assert config.rollout_steps * config.num_actors == 100_000 and config.discount == 0.99 and config.gae_lambda == 1.0
    region = config.trust_region
    assert (region.max_kl, region.accepted_kl_factor) == (0.01, 1.0)
    assert (region.conjugate_gradient_steps, region.fisher_every_steps) == (10, 10)


def test_a_large_rollout_is_passed_in_parts_with_the_same_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = Case(tiny()), Case(tiny())
    whole.update()
    monkeypatch.setattr(trpo, "STATES_AT_ONCE", 5)
    parts.update()
    found, expected = (flat(trpo.parameters_of_policy(case.network)) for case in (parts, whole))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_a_normal_policy_of_vectors_takes_its_step_within_the_region_too() -> None:
    perceptrons = load_variant("reinforce_tianshou").config["network"]
    no_game = dict.fromkeys(("frame_pipeline", "frame_stack", "history_start"))
    asked = load_variant("trpo_baselines").config | no_game | {"network": perceptrons, "num_actors": ACTORS}
    config, stream = trpo.Config.model_validate_json(json.dumps(asked)), np.random.default_rng(4)
    network = trpo.network(config, Spaces(2, observation_size=3))
    trpo.initialise(network, stream, config)
    states, draws = (torch.from_numpy(stream.normal(size=(40, size)).astype(np.float32)) for size in (3, 2))
    with torch.no_grad():
        outputs = network(states)
    advantages, returns = (torch.from_numpy(stream.normal(size=40).astype(np.float32)) for _ in range(2))
    actions = trpo.act(outputs, draws)
    batch = Minibatch(actions, outputs, outputs.values[:, 0], advantages, returns, RolloutFrames(0, 0))
    losses: list[Tensor] = []
    updates: Any = SimpleNamespace(minibatches=lambda: [slice(None)], step=losses.append)
    trpo.update(network, states, batch, updates, config)
    now = network(states)
    scaled = normalized_by_actor(advantages, ACTORS)
    ratios = torch.exp(now.log_probabilities(actions) - outputs.log_probabilities(actions))
    assert 0.0 < outputs.divergences(now).mean().item() <= 1.5 * config.trust_region.max_kl
    assert (ratios * scaled).mean().item() > scaled.mean().item()
    torch.testing.assert_close(now.values, outputs.values)  # the critic waits for the optimizer
    assert len(losses) == 1 and all(part.any() for part in torch.autograd.grad(losses[0], trpo.optimized(network)))
