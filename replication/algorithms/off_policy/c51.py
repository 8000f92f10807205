"""C51 (Bellemare et al. 2017): as dqn.py, but learns the distribution of the return on fixed values, the atoms.

| paper                     | here                          |
| ------------------------- | ----------------------------- |
| N, number of atoms        | `num_atoms`                   |
| V_MIN, V_MAX              | `value_min`, `value_max`      |
| z_i, the support          | `support`                     |
| p_i(x, a)                 | softmax of the outputs        |
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from replication.algorithms.off_policy import dqn
from replication.algorithms.off_policy.contract import Batch, Forward, Losses
from replication.algorithms.off_policy.dqn import acting_draws_spec, chosen, draws_spec, initialise
from replication.specification.families.off_policy_modules import C51Config

__all__ = ["PAPER", "Config", "acting_draws_spec", "action_values", "draws_spec", "initialise", "loss", "network"]

PAPER = "Bellemare, Dabney and Munos 2017, A distributional perspective on reinforcement learning, ICML"
Config = C51Config


class Network(dqn.Network):
    """The network of DQN with an output for each action and atom."""

    def __init__(self, config: Config, num_actions: int) -> None:
        """Lay out the layers, uninitialised."""
        super().__init__(config, num_actions * config.num_atoms)
        self.num_atoms = config.num_atoms

    def forward(self, pixels: Tensor) -> Tensor:
        """Compute logits of the atoms' probabilities, float32 [batch, actions, atoms], from pixels as in dqn.py."""
        logits: Tensor = super().forward(pixels).unflatten(1, (-1, self.num_atoms))
        return logits


def network(config: Config, num_actions: int) -> Network:
    """Build the network, uninitialised."""
    return Network(config, num_actions)


def support(config: Config, like: Tensor) -> Tensor:
    """Return the atoms z_i = V_MIN + i (V_MAX - V_MIN) / (N - 1), [atoms], in the precision and device of `like`."""
    return torch.linspace(config.value_min, config.value_max, config.num_atoms, dtype=like.dtype, device=like.device)


def action_values(outputs: Tensor, config: Config) -> Tensor:
    """Compute Q(x, a) = sum_i z_i p_i(x, a) from logits [batch, actions, atoms]: [batch, actions], Algorithm 1."""
    return (outputs.softmax(dim=2) * support(config, outputs)).sum(dim=2)


def projected(probabilities: Tensor, atoms_t: Tensor, config: Config) -> Tensor:
    """Project probabilities at other values onto the support: each is shared between its two neighbours.

    (Phi T Z)_i = sum_j [1 - |[T z_j] - z_i| / Delta z]_0^1 p_j, with T z_j cut to [V_MIN, V_MAX]: equation 7.

    Args:
        probabilities: p_j, float32 [batch, atoms].
        atoms_t: T z_j, float32 [batch, atoms].
        config: names the support.

    Returns: float32 [batch, atoms], of the same sum.
    """
    z = support(config, probabilities)
    delta_z = (config.value_max - config.value_min) / (config.num_atoms - 1)
    distance = (atoms_t.clamp(config.value_min, config.value_max)[:, None, :] - z[:, None]).abs() / delta_z
    return ((1.0 - distance).clamp(0.0, 1.0) * probabilities[:, None, :]).sum(dim=2)


def loss(online: Forward, target: Forward, batch: Batch, draws: Mapping[str, Tensor], config: Config) -> Losses:
    """Compute the cross-entropy of the projected target distribution and the predicted one.

    Returns: `per_transition`, and the same as `priority` (Hessel et al. 2018 prioritise by this loss), float32 [batch].
    Source: Bellemare et al. 2017, Algorithm 1; google-deepmind/dqn_zoo dqn_zoo/c51/agent.py loss_fn.
    """
    logits_tm1 = online(batch.s_tm1)
    log_p_a_tm1 = functional.log_softmax(chosen(logits_tm1, batch.a_tm1), dim=1)
    with torch.no_grad():
        logits_target_t = target(batch.s_t)
        a_t = action_values(logits_target_t, config).argmax(dim=1)
        p_t = chosen(logits_target_t, a_t).softmax(dim=1)
        atoms_t = batch.r_t[:, None] + batch.discount_t[:, None] * support(config, p_t)
        m = projected(p_t, atoms_t, config)
    assert m.shape == log_p_a_tm1.shape == (len(batch.a_tm1), config.num_atoms)
    per_transition = -(m * log_p_a_tm1).sum(dim=1)
    return Losses(per_transition, per_transition.detach(), expected_error(log_p_a_tm1, p_t, batch, config))


def expected_error(log_p_a_tm1: Tensor, p_t: Tensor, batch: Batch, config: Config) -> Tensor:
    """Compute the TD error of the expected values, |r + gamma sum_i z_i p_i(s', a*) - sum_i z_i p_i(s, a)|.

    Args:
        log_p_a_tm1: predicted log-probabilities of the action taken, float32 [batch, atoms].
        p_t: the target network's probabilities of the next action, [batch, atoms].
        batch: the transitions.
        config: names the support.

    Returns: float32 [batch], without gradient.
    """
    z = support(config, p_t)
    y = batch.r_t + batch.discount_t * (p_t * z).sum(dim=1)
    return (y - (log_p_a_tm1.detach().exp() * z).sum(dim=1)).abs()
