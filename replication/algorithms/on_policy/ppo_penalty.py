"""Proximal policy optimization with an adaptive penalty (Schulman et al. 2017, section 4), in the place of clipping.

| paper                        | here                                                       |
| ---------------------------- | ---------------------------------------------------------- |
| d_targ                       | `target_kl`                                                |
| beta                         | `penalty` of the network, at first `penalty_start`         |
"""

from __future__ import annotations

import torch
from torch import Tensor

from replication.algorithms.on_policy.a2c import act, initialise, state_values, targets
from replication.algorithms.on_policy.contract import Minibatch, Updates
from replication.algorithms.on_policy.ppo import normalized
from replication.algorithms.perceptron_policies import AnyOutputs, AnyPolicyNetwork, policy_network
from replication.algorithms.policy_networks import Spaces
from replication.specification.families.on_policy_modules import PenaltyConfig

__all__ = ["PAPER", "Config", "act", "initialise", "loss", "network", "state_values", "targets", "update"]

PAPER = "Schulman et al. 2017, Proximal policy optimization algorithms, arXiv 1707.06347, section 4"
Config = PenaltyConfig

TOLERANCE = 1.5
"""The coefficient moves where the divergence is more than so many times too large or too small."""
MOVE = 2.0
"""By which it is multiplied or divided."""
LEAST = 1e-30
"""Of the coefficient, and the inverse of its largest: from 0 or infinity no factor would lead back."""


def network(config: PenaltyConfig, spaces: Spaces) -> AnyPolicyNetwork:
    """Build the network, uninitialised; the coefficient is its buffer `penalty`, float32 [], which checkpoints hold."""
    built = policy_network(config, spaces, num_values=1)
    built.register_buffer("penalty", torch.tensor(config.penalty_start))
    return built


def loss(outputs: AnyOutputs, batch: Minibatch, config: PenaltyConfig) -> Tensor:
    """Compute the loss as it is at first: that of `penalized_loss` with the coefficient that the settings give."""
    return penalized_loss(outputs, batch, config, torch.tensor(config.penalty_start))


def penalized_loss(outputs: AnyOutputs, batch: Minibatch, config: PenaltyConfig, penalty: Tensor) -> Tensor:
    """Compute the mean of -A r + beta KL(old || new) + c_v (V(s) - R)^2 - c_e H(pi(.|s)).

    r is the ratio of the probability of the action taken to what it was as it was taken.

    Source: Schulman et al. 2017, equations 8 and 9.
    """
    before = batch.outputs.log_probabilities(batch.actions)
    ratios = torch.exp(outputs.log_probabilities(batch.actions) - before)
    gains = normalized(batch.advantages, config) * ratios
    errors = (state_values(outputs, config) - batch.returns).square()
    far: Tensor = batch.outputs.divergences(outputs).mean()
    entropy = outputs.entropies().mean()
    policy_loss = penalty * far - gains.mean()
    return policy_loss + config.value_coefficient * errors.mean() - config.entropy_coefficient * entropy


def adapted(penalty: Tensor, kl: Tensor, target_kl: float) -> Tensor:
    """Return the coefficient for the next rollout: half where the divergence is far below its target, double far above.

    Source: Schulman et al. 2017, section 4: beta / 2 where d < d_targ / 1.5, 2 beta where d > 1.5 d_targ.
    """
    if kl < target_kl / TOLERANCE:
        return torch.clamp(penalty / MOVE, min=LEAST)
    return torch.clamp(penalty * MOVE, max=1.0 / LEAST) if kl > target_kl * TOLERANCE else penalty


def update(
    network: AnyPolicyNetwork, states: Tensor, batch: Minibatch, updates: Updates, config: PenaltyConfig
) -> None:
    """Take a step of the optimizer for each minibatch, then move the coefficient by how far the policy has come.

    Source: Schulman et al. 2017, section 4 and algorithm 1.
    """
    penalty = network.get_buffer("penalty")
    for chosen in updates.minibatches():
        updates.step(penalized_loss(network(states[chosen]), batch.part(chosen), config, penalty))
    with torch.no_grad():
        kl = batch.outputs.divergences(network(states)).mean()
        penalty.copy_(adapted(penalty, kl, config.target_kl))
