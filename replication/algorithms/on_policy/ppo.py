"""Proximal policy optimization (Schulman et al. 2017) with a clipped ratio: as A2C, but for the loss.

| paper                        | here                                                                |
| ---------------------------- | ------------------------------------------------------------------- |
| horizon T, number of actors  | `rollout_steps`, `num_actors`                                       |
| epochs, minibatch size       | `epochs`, `minibatches`: parts of a rollout                         |
| GAE parameter                | `gae_lambda`                                                        |
| clipping parameter           | `clip_range`, times the factor of its schedule                      |
| VF coefficient, c1           | `value_coefficient`, of the squared error (programs may halve that) |
| entropy coefficient, c2      | `entropy_coefficient`                                               |
"""

from __future__ import annotations

import torch
from torch import Tensor

from replication.algorithms.on_policy.a2c import act, initialise, network, state_values, targets
from replication.algorithms.on_policy.contract import Minibatch
from replication.algorithms.perceptron_policies import AnyOutputs
from replication.specification.families.on_policy_modules import PenaltyConfig, PPOConfig

__all__ = ["PAPER", "Config", "act", "initialise", "loss", "network", "state_values", "targets"]

PAPER = "Schulman et al. 2017, Proximal policy optimization algorithms, arXiv 1707.06347"
Config = PPOConfig


def loss(outputs: AnyOutputs, batch: Minibatch, config: PPOConfig) -> Tensor:
    """Compute the mean of -min(A r, A clip(r, 1 - epsilon, 1 + epsilon)) + c_v (V(s) - R)^2 - c_e H(pi(.|s)).

    r is the ratio of the probability of the action taken to what it was as it was taken. With `clip_value_loss` the
    squared error is the larger one of V's and of a value moved at most epsilon away from what V was.

    Source: Schulman et al. 2017, equations 7 and 9; openai/baselines ea25b9e baselines/ppo2/model.py:68-95.
    """
    clip = config.clip_range * config.clip_range_schedule.factor(batch.frames)
    before = batch.outputs.log_probabilities(batch.actions)
    ratios = torch.exp(outputs.log_probabilities(batch.actions) - before)
    advantages = normalized(batch.advantages, config)
    gains = torch.minimum(advantages * ratios, advantages * ratios.clamp(1.0 - clip, 1.0 + clip))
    values = state_values(outputs, config)
    errors = (values - batch.returns).square()
    if config.clip_value_loss:
        near = batch.values + (values - batch.values).clamp(-clip, clip)
        errors = torch.maximum(errors, (near - batch.returns).square())
    entropy = outputs.entropies().mean()
    return -gains.mean() + config.value_coefficient * errors.mean() - config.entropy_coefficient * entropy


def normalized(advantages: Tensor, config: PPOConfig | PenaltyConfig) -> Tensor:
    """Scale the advantages of a minibatch, float32 [batch], to mean 0 and deviation 1, where the settings say so.

    Source: openai/baselines ea25b9e baselines/ppo2/model.py:136-139 (population); vwxyzjn/cleanrl fe8d8a0
    cleanrl/ppo_atari.py:277-279 (unbiased).
    """
    if config.normalize_advantages == "none":
        return advantages
    deviation = advantages.std(correction=int(config.normalize_advantages == "unbiased"))
    return (advantages - advantages.mean()) / (deviation + 1e-8)
