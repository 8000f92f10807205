"""QR-DQN: the quantile Huber loss at and around kappa, its midpoints, and its settings."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from replication.algorithms.off_policy import qr_dqn
from replication.algorithms.off_policy.qr_dqn import midpoints, quantile_losses
from replication.specification.loading import load_variant
from tests.support.plain_losses import (
    NO_DRAWS,
    assert_gradient_is_that_of_loops,
    batch_of,
    by_state,
    config_of,
    networks,
    pinball,
    pixel_batch,
    small,
)


@pytest.mark.parametrize("tau", [0.1, 0.5, 0.9])
@pytest.mark.parametrize(
    ("kappa", "error", "huber", "slope"),
    [
        (1.0, 0.5, 0.125, 0.5),  # inside
        (1.0, 1.0, 0.5, 1.0),  # at kappa
        (1.0, 1.25, 0.75, 1.0),  # outside
        (2.0, 1.0, 0.25, 0.5),  # L / kappa
        (2.0, 3.0, 2.0, 1.0),
        (0.0, 0.5, 0.5, 1.0),  # quantile regression
        (0.0, 3.0, 3.0, 1.0),
    ],
)
def test_qr1_qr3_iq1_loss_of_one_error_on_each_side(
    tau: float, kappa: float, error: float, huber: float, slope: float
) -> None:
    for sign in (1, -1):
        theta = torch.tensor([[0.25]], requires_grad=True)
        found = quantile_losses(theta, torch.tensor([tau]), torch.tensor([[0.25 + sign * error]]), kappa)
        weight = tau if sign > 0 else 1 - tau  # too low a prediction costs tau, too high a one 1 - tau
        assert found.per_transition.item() == pytest.approx(weight * huber)
        found.per_transition.backward()
        assert theta.grad is not None and theta.grad.item() == pytest.approx(-sign * weight * slope)


def test_qr1_predictions_are_summed_and_targets_averaged() -> None:
    theta, y = torch.tensor([[0.0, 4.0]], requires_grad=True), torch.tensor([[1.0, 2.0, 6.0]])
    found = quantile_losses(theta, torch.tensor([0.25, 0.75]), y, 1.0)
    first = 0.25 * (0.5 + 1.5 + 5.5)  # all above
    second = 0.25 * (2.5 + 1.5) + 0.75 * 1.5  # 1 and 2 below, 6 above
    assert found.per_transition.item() == pytest.approx((first + second) / 3)
    assert found.priority.item() == pytest.approx(3.0 - 2.0) and not found.priority.requires_grad


def test_qr2_two_hundred_midpoints() -> None:
    config = config_of("qr_dqn")
    tau = midpoints(config.num_quantiles, torch.zeros(()))
    assert len(tau) == 200 and tau[0].item() == pytest.approx(0.0025) and tau[-1].item() == pytest.approx(0.9975)
    assert midpoints(2, torch.zeros(())).tolist() == [0.25, 0.75]


def test_qr1_the_target_networks_best_mean_is_moved_and_has_no_gradient() -> None:
    config = config_of("qr_dqn", num_quantiles=2)
    online = torch.tensor([[[0.0, 0.0], [0.5, 1.0]]] * 2, requires_grad=True)
    target = torch.tensor([[[9.0, -9.0], [1.0, 3.0]]] * 2, requires_grad=True)  # means 0 and 2
    batch = batch_of([1.0, 1.0], [0.5, 0.0], [1, 1])
    found = qr_dqn.loss(by_state(online, online), by_state(target, target), batch, NO_DRAWS, config)
    # Targets 1.5 and 2.5, against 0.5 at a quarter and 1 at three quarters: errors 1, 2; 0.5, 1.5.
    going_on = 0.25 * (0.5 + 1.5) / 2 + 0.75 * (0.125 + 1.0) / 2
    ended = 0.25 * 0.125 + 0.0  # both targets are the reward, 1
    assert found.per_transition.tolist() == pytest.approx([going_on, ended])
    assert found.priority.tolist() == pytest.approx([2.0 - 0.75, 1.0 - 0.75])
    found.per_transition.sum().backward()
    assert target.grad is None and online.grad is not None and not online.grad[:, 0].any()


def reference(online: nn.Module, target: nn.Module, batch, draws, config) -> Tensor:
    """Algorithm 1 of the paper with equations 8 to 10, pair by pair."""
    n, kappa = config.num_quantiles, config.huber_threshold
    total = torch.zeros((), dtype=torch.float64)
    for i, action in enumerate(batch.a_tm1.tolist()):
        theta_next = target(batch.s_t[i : i + 1])[0].tolist()
        means = [sum(row) / n for row in theta_next]
        best = theta_next[means.index(max(means))]
        theta = online(batch.s_tm1[i : i + 1])[0, action]
        for k in range(n):
            tau = (2 * (k + 1) - 1) / (2 * n)
            for value in best:
                u = float(batch.r_t[i]) + float(batch.discount_t[i]) * value - theta[k]
                total = total + pinball(u, tau, kappa) / n
    return total


@pytest.mark.parametrize("variant", ["qr_dqn", "qr_dqn_0"])
def test_gradient_of_a_batch_is_that_of_plain_loops(variant: str) -> None:
    assert_gradient_is_that_of_loops(variant, small(variant, num_quantiles=7), reference)


def test_qr6_the_network_is_dqns_with_an_output_for_each_action_and_quantile() -> None:
    network, _ = networks("qr_dqn", small("qr_dqn"))
    outputs = network(pixel_batch().s_tm1)
    assert outputs.shape == (6, 3, 200)
    torch.testing.assert_close(qr_dqn.action_values(outputs, config_of("qr_dqn")), outputs.sum(2) / 200)
    assert load_variant("qr_dqn").config["network"] == load_variant("dqn").config["network"]


def test_qr4_qr5_settings_are_c51s_with_a_fifth_of_the_learning_rate() -> None:
    ours, c51 = load_variant("qr_dqn").config, load_variant("c51").config
    shared = ours.keys() & c51.keys()
    assert {key for key in shared if ours[key] != c51[key]} == {"optimizer"}
    assert ours["optimizer"] == c51["optimizer"] | {"learning_rate": 0.00005}
    zero = load_variant("qr_dqn_0").config
    assert {key: zero[key] for key in ours if ours[key] != zero[key]} == {"huber_threshold": 0.0}
