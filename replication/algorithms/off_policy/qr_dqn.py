"""QR-DQN (Dabney, Rowland et al. 2018): as dqn.py, but learns N quantiles of the return, by quantile regression.

| paper                             | here                    |
| --------------------------------- | ----------------------- |
| N, number of quantiles            | `num_quantiles`         |
| kappa of the quantile Huber loss  | `huber_threshold`       |
| theta_i(x, a)                     | the outputs             |
| tau-hat_i, quantile midpoints     | `midpoints`             |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from replication.algorithms.off_policy import dqn
from replication.algorithms.off_policy.contract import Batch, Forward, Losses
from replication.algorithms.off_policy.dqn import acting_draws_spec, chosen, draws_spec, initialise
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.families.off_policy_modules import QRDQNConfig

__all__ = ["PAPER", "Config", "acting_draws_spec", "action_values", "draws_spec", "initialise", "loss", "network"]

PAPER = "Dabney, Rowland, et al. 2018, Distributional reinforcement learning with quantile regression, AAAI"
Config = QRDQNConfig


class Network(dqn.Network):
    """The network of DQN with an output for each action and quantile."""

    def __init__(self, config: Config, num_actions: int) -> None:
        """Lay out the layers, uninitialised."""
        super().__init__(config, num_actions * config.num_quantiles)
        self.num_quantiles = config.num_quantiles

    def forward(self, pixels: Tensor) -> Tensor:
        """Compute quantiles of the return, float32 [batch, actions, quantiles], from uint8 [batch, stack, 84, 84]."""
        quantiles: Tensor = super().forward(pixels).unflatten(1, (-1, self.num_quantiles))
        return quantiles


def network(config: Config, num_actions: int) -> Network:
    """Build the network, uninitialised."""
    return Network(config, num_actions)


def action_values(outputs: Tensor, config: OffPolicyConfig) -> Tensor:
    """Compute Q(x, a) = sum_i theta_i(x, a) / N, [batch, actions], from [batch, actions, quantiles]: Algorithm 1."""
    return outputs.mean(dim=2)


def midpoints(number: int, like: Tensor) -> Tensor:
    """Return tau-hat_i = (2 i - 1) / (2 N), i from 1 to N: Lemma 2. [number], in the precision and device of `like`."""
    return (torch.arange(number, dtype=like.dtype, device=like.device) + 0.5) / number


def loss(online: Forward, target: Forward, batch: Batch, draws: Mapping[str, Tensor], config: Config) -> Losses:
    """Compute the quantile regression of the predicted quantiles towards those of r + gamma theta(s', a*).

    Returns: `per_transition`, and as `priority` what the settings ask for (the paper prioritises nothing), float32
    [batch].
    Source: Dabney et al. 2018, Algorithm 1; google-deepmind/dqn_zoo dqn_zoo/qrdqn/agent.py loss_fn. The loss as
    priority: google/dopamine 3d8cb24 dopamine/jax/agents/quantile/quantile_agent.py _train_step.
    """
    theta_tm1 = chosen(online(batch.s_tm1), batch.a_tm1)
    with torch.no_grad():
        theta_target_t = target(batch.s_t)
        a_t = action_values(theta_target_t, config).argmax(dim=1)
        y = batch.r_t[:, None] + batch.discount_t[:, None] * chosen(theta_target_t, a_t)
    assert theta_tm1.shape == y.shape == (len(batch.a_tm1), config.num_quantiles)
    losses = quantile_losses(theta_tm1, midpoints(config.num_quantiles, y), y, config.huber_threshold)
    return replace(losses, priority=losses.per_transition.detach()) if config.priority == "loss" else losses


def quantile_losses(theta: Tensor, tau: Tensor, y: Tensor, huber_threshold: float) -> Losses:
    """Compute sum_i mean_j rho_tau_i(y_j - theta_i), with rho_tau(u) = |tau - [u < 0]| L_kappa(u) / kappa.

    L_kappa is Huber's loss: u^2 / 2 up to kappa, kappa (|u| - kappa / 2) beyond. For kappa = 0 rho is its limit
    |tau - [u < 0]| |u|. The division is IQN's; QR-DQN has none, which is the same for its kappas 0 and 1.

    Args:
        theta: predicted quantiles, float32 [batch, N].
        tau: the fractions they belong to, float32 [N] or [batch, N].
        y: targets without gradient, float32 [batch, N'].
        huber_threshold: kappa.

    Returns: `priority` is the absolute difference of the means of y and theta.
    Source: Dabney et al. 2018 (QR-DQN), equations 8 to 10; Dabney et al. 2018 (IQN), equation 3.
    """
    u = y[:, None, :] - theta[:, :, None]
    size = u.abs()
    if huber_threshold == 0.0:
        huber = size
    else:
        inside = size.clamp(max=huber_threshold)
        huber = inside * (size - 0.5 * inside) / huber_threshold  # u^2 / 2 where size = inside
    rho = (tau[..., None] - (u.detach() < 0).to(u.dtype)).abs() * huber
    assert rho.shape == (*theta.shape, y.shape[1])
    return Losses(rho.mean(dim=2).sum(dim=1), (y.mean(dim=1) - theta.detach().mean(dim=1)).abs())
