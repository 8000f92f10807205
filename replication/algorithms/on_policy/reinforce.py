"""REINFORCE (Williams 1992), with or without a learned baseline: as A2C, but with returns of whole trajectories."""

from __future__ import annotations

import torch
from torch import Tensor

from replication.algorithms.on_policy.a2c import act, initialise
from replication.algorithms.on_policy.contract import Minibatch, Rollout, Targets
from replication.algorithms.perceptron_policies import AnyOutputs, AnyPolicyNetwork, policy_network
from replication.algorithms.policy_networks import Spaces
from replication.specification.families.on_policy_modules import ReinforceConfig

__all__ = ["PAPER", "Config", "act", "initialise", "loss", "network", "state_values", "targets"]

PAPER = "Williams 1992, Simple statistical gradient-following algorithms for connectionist reinforcement learning"
Config = ReinforceConfig


def network(config: ReinforceConfig, spaces: Spaces) -> AnyPolicyNetwork:
    """Build the network, uninitialised: a policy, and the value of the state where there is a baseline."""
    return policy_network(config, spaces, num_values=int(config.baseline))


def state_values(outputs: AnyOutputs, config: ReinforceConfig) -> Tensor:
    """Return the baseline b(s), 0 where there is none, float32 [batch]."""
    return outputs.values.sum(dim=1)


def targets(rollout: Rollout, config: ReinforceConfig) -> Targets:
    """Compute the return G_t = r_t + gamma G_{t+1} to the end of the trajectory, and G_t - b(s_t).

    Where the trajectory goes on beyond the rollout, the value of the state that was reached stands for the rest.
    """
    returns = torch.empty_like(rollout.rewards)
    later = rollout.next_values[-1]
    for t in reversed(range(len(returns))):
        later = rollout.rewards[t] + config.discount * torch.where(rollout.cut[t], rollout.next_values[t], later)
        returns[t] = later
    return Targets(returns - rollout.values, returns)


def loss(outputs: AnyOutputs, batch: Minibatch, config: ReinforceConfig) -> Tensor:
    """Compute the mean of -(G - b(s)) log pi(a|s) + c_v (b(s) - G)^2 - c_e H(pi(.|s)).

    Source: Williams 1992, section 4; Sutton & Barto 2018, Reinforcement Learning: An Introduction, section 13.4.
    """
    policy_loss = -(batch.advantages * outputs.log_probabilities(batch.actions)).mean()
    value_loss = (state_values(outputs, config) - batch.returns).square().mean() if config.baseline else 0.0
    entropy = outputs.entropies().mean()
    return policy_loss + config.value_coefficient * value_loss - config.entropy_coefficient * entropy
