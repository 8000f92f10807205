"""Advantage actor-critic, synchronous: the file every other on-policy algorithm is read against.

| program (openai/baselines, a2c)    | here                                             |
| ---------------------------------- | ------------------------------------------------ |
| nsteps                             | `rollout_steps`, of each actor                   |
| nenvs                              | `num_actors`                                     |
| gamma                              | `discount`                                       |
| vf_coef, ent_coef                  | `value_coefficient`, `entropy_coefficient`       |
| max_grad_norm                      | `max_gradient_norm`                              |
| lr, alpha, epsilon                 | `optimizer`: learning rate, decay, epsilon       |
| lrschedule                         | `learning_rate_schedule`                         |
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from replication.algorithms.on_policy.contract import Minibatch, Rollout, Targets
from replication.algorithms.perceptron_policies import (
    AnyOutputs,
    AnyPolicyNetwork,
    fill_policy_network,
    policy_network,
)
from replication.algorithms.policy_networks import Spaces
from replication.specification.families.on_policy import OnPolicyConfig
from replication.specification.families.on_policy_modules import A2CConfig

PAPER = "Mnih et al. 2016, Asynchronous Methods for Deep Reinforcement Learning; made synchronous in openai/baselines"
Config = A2CConfig


def network(config: OnPolicyConfig, spaces: Spaces) -> AnyPolicyNetwork:
    """Build the network, uninitialised: a policy and the value of the state."""
    return policy_network(config, spaces, num_values=1)


def initialise(network: AnyPolicyNetwork, stream: np.random.Generator, config: OnPolicyConfig) -> None:
    """Fill every parameter from the stream."""
    fill_policy_network(network, stream, config)


def act(outputs: AnyOutputs, draws: Tensor) -> Tensor:
    """Choose actions by the policy's probabilities: int64 [batch], or float32 [batch, dimensions]."""
    return outputs.sampled(draws)


def state_values(outputs: AnyOutputs, config: OnPolicyConfig) -> Tensor:
    """Return V(s), float32 [batch]."""
    return outputs.values[:, 0]


def targets(rollout: Rollout, config: A2CConfig) -> Targets:
    """Compute generalised advantage estimates, and the returns that they and the values add up to.

    delta_t = r_t + gamma V(s_{t+1}) - V(s_t), A_t = delta_t + gamma lambda A_{t+1}, and nothing from beyond the end of
    a trajectory or of the rollout. With lambda 1 the return is the sum of the discounted rewards to there, and of the
    discounted value of the state that was reached.

    Source: Schulman et al. 2016, High-dimensional continuous control using generalized advantage estimation, equation
    16; openai/baselines ea25b9e baselines/a2c/runner.py:58-69 (lambda 1), ppo2/runner.py:50-65.
    """
    deltas = rollout.rewards + config.discount * rollout.next_values - rollout.values
    advantages = torch.empty_like(deltas)
    later = torch.zeros_like(deltas[0])
    for t in reversed(range(len(deltas))):
        later = deltas[t] + config.discount * config.gae_lambda * torch.where(rollout.cut[t], 0.0, later)
        advantages[t] = later
    return Targets(advantages, advantages + rollout.values)


def loss(outputs: AnyOutputs, batch: Minibatch, config: A2CConfig) -> Tensor:
    """Compute the mean of -A log pi(a|s) + c_v (V(s) - R)^2 - c_e H(pi(.|s)).

    Source: openai/baselines ea25b9e baselines/a2c/a2c.py:60-68.
    """
    policy_loss = -(batch.advantages * outputs.log_probabilities(batch.actions)).mean()
    value_loss = (state_values(outputs, config) - batch.returns).square().mean()
    entropy = outputs.entropies().mean()
    return policy_loss + config.value_coefficient * value_loss - config.entropy_coefficient * entropy
