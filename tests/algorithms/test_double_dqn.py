"""Double DQN: whose action and whose value, its single bias, and its settings."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from replication.algorithms.off_policy import double_dqn
from replication.specification.loading import identity_config, load_variant
from tests.support.plain_losses import (
    NO_DRAWS,
    assert_gradient_is_that_of_loops,
    batch_of,
    by_state,
    config_of,
    double_dqn_loss,
    small,
)

CONFIG = config_of("double_dqn")


def test_dd1_the_online_network_chooses_and_the_target_network_values() -> None:
    q_tm1 = torch.tensor([[0.0, 0.5], [0.0, 0.5]], requires_grad=True)
    q_t = torch.tensor([[2.0, 1.0], [1.0, 2.0]], requires_grad=True)
    q_target_t = torch.tensor([[0.25, 9.0], [9.0, -0.5]], requires_grad=True)
    batch = batch_of([1.0, 0.0], [0.5, 0.5], [1, 1])
    found = double_dqn.loss(by_state(q_tm1, q_t), by_state(q_target_t, q_target_t), batch, NO_DRAWS, CONFIG)
    # 1 + 0.5 * 0.25 - 0.5 = 0.625 and 0 + 0.5 * -0.5 - 0.5 = -0.75; DQN would have 9 in both targets.
    assert found.per_transition.tolist() == pytest.approx([0.625**2 / 2, 0.75**2 / 2])
    assert found.priority.tolist() == pytest.approx([0.625, 0.75])
    found.per_transition.sum().backward()
    assert q_tm1.grad is not None and q_tm1.grad.tolist() == [[0.0, -0.625], [0.0, 0.75]]
    assert q_t.grad is None and q_target_t.grad is None


def test_pr3_the_priority_is_the_absolute_td_error_clipped_to_one_and_has_no_gradient() -> None:
    q_tm1 = torch.zeros((3, 2), requires_grad=True)
    zeros = torch.zeros(3, 2)
    batch = batch_of([4.0, -0.25, -1.5], [0.9, 0.9, 0.9], [0, 1, 0])
    found = double_dqn.loss(by_state(q_tm1, zeros), by_state(zeros, zeros), batch, NO_DRAWS, CONFIG)
    assert found.priority.tolist() == [1.0, 0.25, 1.0] and not found.priority.requires_grad
    assert found.per_transition.tolist() == pytest.approx([3.5, 0.25**2 / 2, 1.0])


@pytest.mark.parametrize("variant", ["double_dqn", "double_dqn_tuned"])
def test_gradient_of_a_batch_is_that_of_plain_loops(variant: str) -> None:
    assert_gradient_is_that_of_loops(variant, small(variant), double_dqn_loss)


@pytest.mark.parametrize(("variant", "shape"), [("double_dqn", (6,)), ("double_dqn_tuned", (1,))])
def test_dd3_dt3_the_last_layer_has_a_bias_for_each_action_or_a_single_one(variant: str, shape: tuple[int]) -> None:
    config = config_of(variant)
    network = double_dqn.network(config, 6)
    double_dqn.initialise(network, np.random.default_rng(0), config)
    assert network.values.bias.shape == shape
    assert 0 < network.values.bias.abs().max() <= 1 / np.sqrt(512)
    network.values.weight.data.zero_()
    values = network(torch.zeros((2, 4, 84, 84), dtype=torch.uint8))
    torch.testing.assert_close(values, network.values.bias.detach().expand(2, 6))
    values.sum().backward()
    assert network.values.bias.grad.tolist() == [12.0 / shape[0]] * shape[0]


def test_dd2_double_dqn_differs_from_dqn_in_its_target_alone() -> None:
    ours, dqn = load_variant("double_dqn"), load_variant("dqn")
    assert identity_config(ours) == identity_config(dqn) | {"shared_output_bias": False}
    assert ours.protocol == dqn.protocol == "nature" and ours.module == "double_dqn"


def test_dt1_dt2_dt4_ev1_ev2_ev3_what_was_tuned() -> None:
    tuned, plain = load_variant("double_dqn_tuned"), load_variant("double_dqn")
    changed = {key: value for key, value in tuned.config.items() if plain.config[key] != value}
    assert changed == {
        "target_update_period_steps": 30_000,
        "epsilon": plain.config["epsilon"] | {"end": 0.01},
        "evaluation_epsilon": 0.001,
        "shared_output_bias": True,
    }
    assert tuned.protocol == "noop_30min"


@pytest.mark.parametrize(
    ("variant", "name", "exponent", "start"),
    [
        ("prioritized_double_dqn", "proportional", 0.6, 0.4),
        ("prioritized_double_dqn_rank", "rank", 0.7, 0.5),
    ],
)
def test_pr1_pr2_pr4_prioritised_double_dqn_is_the_tuned_one_with_sampling_and_a_quarter_of_the_rate(
    variant: str, name: str, exponent: float, start: float
) -> None:
    ours, tuned = load_variant(variant).config, load_variant("double_dqn_tuned").config
    assert {key for key in ours if ours[key] != tuned[key]} == {"replay_sampling", "optimizer"}
    assert ours["optimizer"] == tuned["optimizer"] | {"learning_rate": 0.00025 / 4}
    sampling = ours["replay_sampling"]
    assert (sampling["name"], sampling["exponent"]) == (name, exponent)
    assert (sampling["importance_exponent_start"], sampling["importance_exponent_end"]) == (start, 1.0)
    assert sampling["importance_steps"] + tuned["replay_start"]["count"] == 50_000_000


def test_the_three_step_variant_differs_from_dqn_in_its_steps_and_evaluation() -> None:
    ours, dqn = load_variant("n_step_dqn").config, load_variant("dqn").config
    assert {key: ours[key] for key in ours if ours[key] != dqn[key]} == {"n_step": 3, "evaluation_epsilon": 0.001}
