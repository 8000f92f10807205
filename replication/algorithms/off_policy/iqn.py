"""IQN (Dabney, Ostrovski et al. 2018): as qr_dqn.py, but the network is given the fractions tau, drawn at random.

| paper                                       | here                          |
| ------------------------------------------- | ----------------------------- |
| N, samples of tau in the loss               | `online_samples`              |
| N', samples of tau' in the target           | `target_samples`              |
| K, samples that choose an action            | `policy_samples`              |
| n, size of the embedding of tau             | `embedding_size`              |
| kappa of the quantile Huber loss            | `huber_threshold`             |
| psi, phi, f                                 | `Network`                     |
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from replication.algorithms.networks import UninitialisedLinear
from replication.algorithms.off_policy import dqn
from replication.algorithms.off_policy.contract import Batch, DrawSpec, Forward, Losses
from replication.algorithms.off_policy.dqn import chosen, initialise
from replication.algorithms.off_policy.qr_dqn import action_values, midpoints, quantile_losses
from replication.specification.families.off_policy_modules import IQNConfig

__all__ = ["PAPER", "Config", "acting_draws_spec", "action_values", "draws_spec", "initialise", "loss", "network"]

PAPER = "Dabney, Ostrovski, et al. 2018, Implicit quantile networks for distributional reinforcement learning, ICML"
Config = IQNConfig


class Network(dqn.Network):
    """The network of DQN with the features of the pixels multiplied by those of each fraction: f(psi(x) * phi(tau)).

    Source: Dabney et al. 2018, section 3.1 and equation 4; google-deepmind/dqn_zoo dqn_zoo/networks.py
    iqn_atari_network (cosines of 1 to n times pi tau; equation 4 counts from 0 to n - 1).
    """

    def __init__(self, config: Config, num_actions: int) -> None:
        """Lay out the layers, uninitialised."""
        super().__init__(config, num_actions)
        self.embedding_size = config.embedding_size
        self.policy_samples = config.policy_samples
        self.embedding = UninitialisedLinear(config.embedding_size, self.convolutions.num_features)

    def forward(self, pixels: Tensor, *draws: Tensor) -> Tensor:
        """Compute the quantiles at the given fractions.

        Args:
            pixels: uint8 [batch, stack, 84, 84].
            draws: fractions tau in [0, 1), float32 [batch, samples].

        Returns: float32 [batch, actions, samples].
        """
        (tau,) = draws
        quantiles: Tensor = self.values(self._hidden(pixels, tau))
        return quantiles.transpose(1, 2)

    def embed(self, pixels: Tensor) -> Tensor:
        """Compute the last hidden layer, float32 [batch, hidden_units]: its mean over evenly spaced fractions."""
        weights = self.values.weight
        tau = midpoints(self.policy_samples, weights).expand(len(pixels), -1)
        return self._hidden(pixels, tau).mean(dim=1)

    def _hidden(self, pixels: Tensor, tau: Tensor) -> Tensor:
        """Compute the last hidden layer for each fraction, [batch, samples, hidden_units]."""
        psi = self.convolutions(pixels)
        tau = tau.to(self.embedding.weight.dtype)  # float32; two ways to compute are compared in float64
        multiples = math.pi * torch.arange(1, self.embedding_size + 1, dtype=tau.dtype, device=tau.device)
        phi = functional.relu(self.embedding((tau[:, :, None] * multiples).cos()))
        return functional.relu(self.hidden(psi[:, None, :] * phi))


def network(config: Config, num_actions: int) -> Network:
    """Build the network, uninitialised."""
    return Network(config, num_actions)


def acting_draws_spec(config: Config, num_actions: int, *, evaluating: bool) -> Mapping[str, DrawSpec]:
    """Return the K fractions, uniform, whose quantiles' mean is acted on, in training and in evaluation."""
    return {"tau": _fractions(config.policy_samples)}


def draws_spec(config: Config, num_actions: int) -> Mapping[str, DrawSpec]:
    """Return the fractions of the prediction, of the target, and of the choice of the target's action."""
    return {
        "tau_tm1": _fractions(config.online_samples),
        "tau_t": _fractions(config.target_samples),
        "tau_policy_t": _fractions(config.policy_samples),
    }


def loss(online: Forward, target: Forward, batch: Batch, draws: Mapping[str, Tensor], config: Config) -> Losses:
    """Compute the quantile regression of Z_tau(s, a) towards r + gamma Z_tau'(s', a*), over all pairs of tau and tau'.

    Returns: `per_transition`, and as `priority` the absolute error of the expected value (the paper prioritises
    nothing), float32 [batch].
    Source: Dabney et al. 2018, equations 2 and 3; google-deepmind/dqn_zoo dqn_zoo/iqn/agent.py loss_fn (the target
    network chooses a*, on fractions of its own).
    """
    z_tm1 = chosen(online(batch.s_tm1, draws["tau_tm1"]), batch.a_tm1)
    with torch.no_grad():
        # The convolutions take most of the time: both kinds of fractions pass through the network at once.
        z_target_t = target(batch.s_t, torch.cat([draws["tau_t"], draws["tau_policy_t"]], dim=1))
        z_t, z_policy_t = z_target_t.split([config.target_samples, config.policy_samples], dim=2)
        a_t = action_values(z_policy_t, config).argmax(dim=1)
        y = batch.r_t[:, None] + batch.discount_t[:, None] * chosen(z_t, a_t)
    assert z_tm1.shape == (len(batch.a_tm1), config.online_samples)
    assert y.shape == (len(batch.a_tm1), config.target_samples)
    return quantile_losses(z_tm1, draws["tau_tm1"], y, config.huber_threshold)


def _fractions(number: int) -> DrawSpec:
    return DrawSpec("uniform", (number,), per_transition=True)
