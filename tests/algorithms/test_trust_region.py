"""The step within a trust region against an explicit Fisher matrix, in float64, and its bound as a property."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from replication.algorithms.policy_networks import Outputs
from replication.algorithms.trust_region import (
    Judgment,
    Step,
    conjugate_gradient,
    fisher_product,
    line_search,
    natural_step,
    trust_region_step,
)
from replication.specification.families.trust_region import TrustRegionConfig

STATES, NUMBERS, ACTIONS = 12, 3, 4
UNMOVED = Step(accepted=False, kl=0.0, improvement=0.0)


def region(**changes: Any) -> TrustRegionConfig:
    """The settings of Baselines on Atari, but for these."""
    there = {
        "max_kl": 0.001,
        "conjugate_gradient_steps": 10,
        "damping": 0.001,
        "fisher_every_steps": 1,
        "line_search_steps": 10,
        "line_search_factor": 0.5,
        "accepted_kl_factor": 1.5,
    }
    return TrustRegionConfig.model_validate(there | changes)


def judgment(before: Tensor, logits: Tensor, actions: Tensor, advantages: Tensor) -> Judgment:
    """Gain and divergence of a categorical policy."""
    old, new = (Outputs(one, one[:, :0]) for one in (before, logits))
    ratios = torch.exp(new.log_probabilities(actions) - old.log_probabilities(actions))
    return Judgment((ratios * advantages).mean(), old.divergences(new).mean())


class Case:
    """A small network in float64, states, and by how much each action taken in them turned out better."""

    def __init__(self, seed: int, scale: float = 1.0, outputs: int = ACTIONS) -> None:
        stream = np.random.default_rng(seed)
        self.network = nn.Sequential(nn.Linear(NUMBERS, 5), nn.Tanh(), nn.Linear(5, outputs)).double()
        self.parameters = list(self.network.parameters())
        with torch.no_grad():
            for parameter in self.parameters:
                parameter.copy_(torch.from_numpy(scale * stream.normal(size=tuple(parameter.shape))))
        self.states = torch.from_numpy(stream.normal(size=(STATES, NUMBERS)))
        self.advantages = torch.from_numpy(scale * stream.normal(size=STATES))
        self.before = self.network(self.states).detach()
        self.stream = stream

    def vector(self) -> np.ndarray:
        return np.concatenate([parameter.detach().reshape(-1).numpy() for parameter in self.parameters])

    def jacobian(self) -> np.ndarray:
        """The derivatives of the outputs by the parameters, [states, outputs, parameters]."""
        rows = []
        for output in self.network(self.states).reshape(-1):
            parts = torch.autograd.grad(output, self.parameters, retain_graph=True)
            rows.append(np.concatenate([part.reshape(-1).numpy() for part in parts]))
        return np.array(rows).reshape(STATES, -1, len(self.vector()))


class Categorical(Case):
    """Its outputs are logits."""

    def __init__(self, seed: int, scale: float = 1.0) -> None:
        super().__init__(seed, scale)
        self.actions = torch.from_numpy(self.stream.integers(ACTIONS, size=STATES))

    def judge(self) -> Judgment:
        logits = self.network(self.states)
        return judgment(self.before, logits, self.actions, self.advantages)

    def kl(self) -> Tensor:
        return self.judge().kl

    def fisher(self) -> np.ndarray:
        """The mean of J' (diag p - p p') J over the states: the Fisher matrix of a softmax in the parameters."""
        middles = [np.diag(p) - np.outer(p, p) for p in torch.softmax(self.before, dim=1).numpy()]
        return np.mean([j.T @ m @ j for j, m in zip(self.jacobian(), middles, strict=True)], axis=0)

    def gradient(self) -> np.ndarray:
        """The mean of A J' (e_a - p) over the states: of the gain, where old and new policy are the same."""
        probabilities = torch.softmax(self.before, dim=1).numpy()
        slopes = np.eye(ACTIONS)[self.actions.numpy()] - probabilities
        each = [a * j.T @ s for a, j, s in zip(self.advantages.numpy(), self.jacobian(), slopes, strict=True)]
        return np.mean(each, axis=0)


class Gaussian(Case):
    """Its outputs are means; one deviation of each dimension, beside them. Nothing of a step knows that."""

    DIMENSIONS = 2

    def __init__(self, seed: int, scale: float = 1.0) -> None:
        super().__init__(seed, scale, outputs=self.DIMENSIONS)
        self.log_deviations = torch.full((self.DIMENSIONS,), -0.5, dtype=torch.float64, requires_grad=True)
        self.parameters.append(self.log_deviations)
        self.actions = self.before + torch.from_numpy(self.stream.normal(size=tuple(self.before.shape)))

    def judge(self) -> Judgment:
        old = torch.distributions.Normal(self.before, torch.full((self.DIMENSIONS,), np.exp(-0.5), dtype=torch.float64))
        new = torch.distributions.Normal(self.network(self.states), self.log_deviations.exp())
        ratios = torch.exp((new.log_prob(self.actions) - old.log_prob(self.actions)).sum(dim=1))
        far = torch.distributions.kl_divergence(old, new).sum(dim=1)
        return Judgment((ratios * self.advantages).mean(), far.mean())

    def kl(self) -> Tensor:
        return self.judge().kl


def test_tb5_products_are_those_of_the_explicit_fisher_matrix() -> None:
    case = Categorical(1)
    product = fisher_product(case.kl(), case.parameters, damping=0.1)
    matrix = case.fisher() + 0.1 * np.eye(len(case.vector()))
    for seed in range(3):
        vector = np.random.default_rng(seed).normal(size=len(matrix))
        np.testing.assert_allclose(product(torch.from_numpy(vector)), matrix @ vector, rtol=1e-9, atol=1e-12)


def test_tb5_conjugate_gradients_solve_a_linear_system() -> None:
    stream = np.random.default_rng(2)
    root, target = stream.normal(size=(6, 6)), stream.normal(size=6)
    matrix = root @ root.T + np.eye(6)

    def product(vector: Tensor) -> Tensor:
        return torch.from_numpy(matrix) @ vector

    exact = np.linalg.solve(matrix, target)
    found = conjugate_gradient(product, torch.from_numpy(target), steps=20)
    np.testing.assert_allclose(found, exact, rtol=1e-5)
    # The first iterate is the best multiple of b, of which A's norm is the measure.
    first = conjugate_gradient(product, torch.from_numpy(target), steps=1)
    np.testing.assert_allclose(first, target * (target @ target) / (target @ matrix @ target), rtol=1e-12)


def test_tb4_a_step_is_along_the_natural_gradient_and_as_long_as_the_divergence_allows() -> None:
    case, asked = Categorical(3), region(conjugate_gradient_steps=60, damping=0.01)
    matrix = case.fisher() + 0.01 * np.eye(len(case.vector()))
    direction = np.linalg.solve(matrix, case.gradient())
    expected = direction * np.sqrt(2 * 0.001 / (direction @ matrix @ direction))
    product = fisher_product(case.kl(), case.parameters, asked.damping)
    parts = torch.autograd.grad(case.judge().gain, case.parameters)
    gradient = torch.cat([part.reshape(-1) for part in parts])
    np.testing.assert_allclose(gradient, case.gradient(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        natural_step(product, gradient, asked), expected, rtol=2e-3, atol=1e-5
    )  # as far as the residual goes


def test_tb4_a_whole_step_is_that_of_the_reference() -> None:
    case, asked = Categorical(4), region(conjugate_gradient_steps=60, damping=0.01)
    matrix = case.fisher() + 0.01 * np.eye(len(case.vector()))
    direction = np.linalg.solve(matrix, case.gradient())
    start = case.vector()
    expected = start + direction * np.sqrt(2 * 0.001 / (direction @ matrix @ direction))
    found = trust_region_step(case.parameters, case.judge, case.kl, asked)
    # So small a step is within the region at its first length; damping shortens it.
    assert found.accepted and 0.0003 < found.kl < 0.001
    np.testing.assert_allclose(case.vector(), expected, rtol=2e-3, atol=1e-5)  # as far as the residual goes


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([0.1, 1.0, 5.0]),
    max_kl=st.sampled_from([0.001, 0.01, 0.5]),
    gaussian=st.booleans(),
)
def test_tb4_the_divergence_after_a_step_is_within_its_bound_and_the_gain_has_not_fallen(
    seed: int, scale: float, max_kl: float, gaussian: bool
) -> None:
    case = Gaussian(seed, scale) if gaussian else Categorical(seed, scale)
    asked, start = region(max_kl=max_kl), case.vector()
    before = case.judge().gain.item()
    found = trust_region_step(case.parameters, case.judge, case.kl, asked)
    now = case.judge()
    if found.accepted:
        assert now.kl.item() <= 1.5 * max_kl and now.gain.item() >= before
        assert (found.kl, found.improvement) == (now.kl.item(), now.gain.item() - before)
        assert not np.array_equal(case.vector(), start)
    else:
        np.testing.assert_array_equal(case.vector(), start)


def lengths_tried(gains: list[float], kls: list[float]) -> tuple[Step, list[float], float]:
    """The outcome of a line search from 0 along 1, the places that were tried, and the last place."""
    place, tried = torch.zeros(1, dtype=torch.float64), []

    def judge() -> Judgment:
        tried.append(place.item())
        return Judgment(torch.tensor(gains[len(tried) - 1]), torch.tensor(kls[len(tried) - 1]))

    step = torch.ones(1, dtype=torch.float64)
    found = line_search([place], step, 0.0, judge, region(line_search_steps=len(gains)))
    return found, tried, place.item()


def test_tb4_lengths_are_halved_until_one_is_accepted() -> None:
    # Too far; worse; no number; as far as is accepted, and no worse.
    found, tried, place = lengths_tried([1.0, -0.1, float("nan"), 0.0], [0.0016, 0.0, 0.0, 0.0014])
    assert tried == [1.0, 0.5, 0.25, 0.125] and place == 0.125
    assert found.accepted and found.improvement == 0.0 and found.kl == pytest.approx(0.0014)


def test_tb4_where_no_length_is_accepted_nothing_moves() -> None:
    found, tried, place = lengths_tried([-1.0] * 10, [0.0] * 10)
    assert len(tried) == 10 and place == 0.0 and found == UNMOVED


def test_tb10_a_gradient_of_zero_moves_nothing() -> None:
    case = Categorical(5)
    case.advantages = torch.zeros_like(case.advantages)
    start = case.vector()
    assert trust_region_step(case.parameters, case.judge, case.kl, region()) == UNMOVED
    np.testing.assert_array_equal(case.vector(), start)


def test_a_step_that_is_no_number_is_an_error_and_moves_nothing() -> None:
    case = Categorical(6)
    case.advantages = case.advantages * torch.inf
    start = case.vector()
    with pytest.raises(FloatingPointError, match="a step in the trust region is not finite"):
        trust_region_step(case.parameters, case.judge, case.kl, region())
    np.testing.assert_array_equal(case.vector(), start)


def test_tensors_keep_their_memory_in_whatever_order_it_is() -> None:
    """Weights of convolutions lie channels-last."""
    weight = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    weight = weight.to(memory_format=torch.channels_last).requires_grad_()
    goal, address, strides = torch.arange(48.0).reshape(4, 3, 2, 2) / 48, weight.data_ptr(), weight.stride()
    start = weight.detach().clone()

    def judge() -> Judgment:
        return Judgment((weight * goal).sum(), (weight - start).square().sum() / 2)

    found = trust_region_step([weight], judge, lambda: judge().kl, region(damping=0.0, max_kl=0.5))
    # The Fisher matrix is the identity: a step of length 1 along the gradient.
    torch.testing.assert_close(weight.detach() - start, goal / goal.norm(), rtol=1e-4, atol=1e-5)
    assert found.accepted and (weight.data_ptr(), weight.stride()) == (address, strides)


def test_an_update_is_that_of_sb3_contrib() -> None:
    """Its numbers were written by tests/support/sb3_contrib_trpo.py, which needs its packages."""
    there = json.loads((Path(__file__).parents[1] / "golden" / "sb3_contrib_trpo.json").read_bytes())
    network = nn.Sequential(nn.Linear(NUMBERS, 5), nn.Tanh(), nn.Linear(5, ACTIONS))
    parameters = list(network.parameters())
    with torch.no_grad():
        for parameter, values in zip(parameters, there["before"].values(), strict=True):
            parameter.copy_(torch.tensor(values))
    states, advantages = torch.tensor(there["observations"]), torch.tensor(there["advantages"])
    actions, before = torch.tensor(there["actions"]), network(states).detach()

    def judge() -> Judgment:
        logits = network(states)
        return judgment(before, logits, actions, advantages)

    asked = region(
        max_kl=there["settings"]["target_kl"],
        damping=there["settings"]["cg_damping"],
        line_search_factor=there["settings"]["line_search_shrinking_factor"],
        accepted_kl_factor=1.0,
    )
    assert trust_region_step(parameters, judge, lambda: judge().kl, asked).accepted
    for parameter, (name, values) in zip(parameters, there["after"].items(), strict=True):
        expected, start = torch.tensor(values), torch.tensor(there["before"][name])
        torch.testing.assert_close(parameter.detach() - start, expected - start, rtol=1e-3, atol=1e-6)
        assert not torch.equal(expected, start)
