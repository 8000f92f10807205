"""C51: the projection at the ends of the support and between atoms, the cross-entropy, and its settings."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from replication.algorithms.off_policy import c51
from replication.algorithms.off_policy.c51 import projected
from replication.foundation.errors import ReplicationError
from replication.specification.loading import identity_config, load_variant
from tests.support.plain_losses import (
    NO_DRAWS,
    assert_gradient_is_that_of_loops,
    batch_of,
    by_state,
    config_of,
    networks,
    pixel_batch,
    small,
)

CONFIG = config_of("c51")
FIVE = config_of("c51", num_atoms=5, value_min=-2.0, value_max=2.0)
"""Atoms at -2, -1, 0, 1, 2."""


@pytest.mark.parametrize(
    ("at", "shares"),
    [
        (1.0, [0, 0, 0, 1, 0]),  # on an atom
        (0.25, [0, 0, 0.75, 0.25, 0]),  # between two
        (-1.9, [0.9, 0.1, 0, 0, 0]),
        (2.0, [0, 0, 0, 0, 1]),  # the ends
        (-2.0, [1, 0, 0, 0, 0]),
        (2.7, [0, 0, 0, 0, 1]),  # beyond them
        (-40.0, [1, 0, 0, 0, 0]),
    ],
)
def test_ca1_a_probability_is_shared_between_the_atoms_beside_it(at: float, shares: list[float]) -> None:
    found = projected(torch.tensor([[1.0, 0, 0, 0, 0]]), torch.full((1, 5), at), FIVE)
    assert found[0].tolist() == pytest.approx(shares, abs=1e-6)


def test_ca1_projection_keeps_the_sum_and_on_the_support_the_mean() -> None:
    p = torch.tensor([[0.1, 0.2, 0.3, 0.25, 0.15]])
    inside = torch.tensor([[-1.7, -0.3, 0.0, 0.4, 1.9]])
    found = projected(p, inside, FIVE)
    assert found.sum().item() == pytest.approx(1.0)
    assert (found * torch.arange(-2.0, 3.0)).sum().item() == pytest.approx((p * inside).sum().item())
    torch.testing.assert_close(projected(p, torch.arange(-2.0, 3.0)[None], FIVE), p)


def test_ca1_loss_of_two_transitions_worked_by_hand() -> None:
    """One goes on with discount 1/2, the other has ended: all of its target is at the reward."""
    uniform = torch.zeros((2, 2, 5), requires_grad=True)
    best, worst = [0.0, 0.0, 0.0, 0.0, 50.0], [50.0, 0.0, 0.0, 0.0, 0.0]  # surely 2, surely -2
    target_t = torch.tensor([[worst, best], [best, worst]], requires_grad=True)
    weights = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]]).log()
    online_tm1 = uniform + weights  # probabilities 1/15 to 5/15 for every action
    batch = batch_of([0.5, 0.25], [0.5, 0.0], [0, 1])
    found = c51.loss(by_state(online_tm1, uniform), by_state(target_t, target_t), batch, NO_DRAWS, FIVE)
    # 0.5 + 0.5 * 2 = 1.5: half at 1, half at 2. And 0.25: three quarters at 0, one at 1.
    expected = [-0.5 * math.log(4 / 15) - 0.5 * math.log(5 / 15), -0.75 * math.log(3 / 15) - 0.25 * math.log(4 / 15)]
    assert found.per_transition.tolist() == pytest.approx(expected, rel=1e-5)
    assert found.priority.tolist() == pytest.approx(expected, rel=1e-5) and not found.priority.requires_grad
    found.per_transition.sum().backward()
    assert target_t.grad is None and uniform.grad is not None
    # The gradient of cross-entropy: predicted less target probabilities, for the action taken alone.
    assert uniform.grad[0, 0].tolist() == pytest.approx([1 / 15, 2 / 15, 3 / 15, 4 / 15 - 0.5, 5 / 15 - 0.5], abs=1e-6)
    assert not uniform.grad[0, 1].any() and not uniform.grad[1, 0].any()


def test_ca2_values_are_expectations_over_51_atoms_from_minus_10_to_10() -> None:
    logits = torch.full((1, 2, 51), -100.0)
    logits[0, 0, 0] = logits[0, 0, 50] = 0.0  # -10 or 10
    logits[0, 1, 27] = 0.0
    assert c51.action_values(logits, CONFIG)[0].tolist() == pytest.approx([0.0, 27 * 0.4 - 10], abs=1e-5)


def reference(online: nn.Module, target: nn.Module, batch, draws, config) -> Tensor:
    """Algorithm 1 of the paper, atom by atom with its rounding down and up."""
    n, low, high = config.num_atoms, config.value_min, config.value_max
    delta = (high - low) / (n - 1)
    z = [low + i * delta for i in range(n)]
    total = torch.zeros((), dtype=torch.float64)
    for i, action in enumerate(batch.a_tm1.tolist()):
        p_next = target(batch.s_t[i : i + 1])[0].softmax(dim=1).tolist()
        q_next = [sum(atom * p for atom, p in zip(z, row, strict=True)) for row in p_next]
        best = q_next.index(max(q_next))
        m = [0.0] * n
        for j in range(n):
            moved = min(max(float(batch.r_t[i]) + float(batch.discount_t[i]) * z[j], low), high)
            b = (moved - low) / delta
            lower, upper = math.floor(b), math.ceil(b)
            if lower == upper:
                m[lower] += p_next[best][j]
            else:
                m[lower] += p_next[best][j] * (upper - b)
                m[upper] += p_next[best][j] * (b - lower)
        log_p = online(batch.s_tm1[i : i + 1])[0, action].log_softmax(dim=0)
        total = total - sum(m[k] * log_p[k] for k in range(n))
    return total


def test_gradient_of_a_batch_is_that_of_plain_loops() -> None:
    assert_gradient_is_that_of_loops("c51", small("c51", num_atoms=11, value_min=-3.5, value_max=3.0), reference)


def test_ca5_the_network_is_dqns_with_an_output_for_each_action_and_atom() -> None:
    network, _ = networks("c51", small("c51"))
    outputs = network(pixel_batch().s_tm1)
    assert outputs.shape == (6, 3, 51) and network.values.weight.shape == (3 * 51, 8)
    assert load_variant("c51").config["network"] == load_variant("dqn").config["network"]


def test_ca3_ca4_settings_differ_from_dqns_in_optimiser_reduction_and_epsilon() -> None:
    ours, dqn = identity_config(load_variant("c51")), identity_config(load_variant("dqn"))
    changed = {"loss_reduction", "epsilon", "evaluation_epsilon", "optimizer"}
    assert {key for key in dqn if ours[key] != dqn[key]} == changed
    assert ours["optimizer"]["learning_rate"] == 0.00025 and ours["optimizer"]["epsilon"] == 0.01 / 32
    assert ours["epsilon"] == dqn["epsilon"] | {"end": 0.01} and ours["loss_reduction"] == "mean"


def test_a_support_in_the_wrong_order_is_one_line() -> None:
    variant = load_variant("c51")
    wrong = variant.model_copy(update={"config": variant.config | {"value_min": 10.0}})
    with pytest.raises(ReplicationError, match="value_min: expected less than value_max, found 10"):
        _ = wrong.settings
