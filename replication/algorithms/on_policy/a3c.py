"""Asynchronous advantage actor-critic (Mnih et al. 2016): as A2C, but each actor's rollout is an update, and a sum.

Who plays when, and with parameters of how many updates before, is a fixed schedule of the engine's, so that a run
repeats: `actors: in_turn`, and `staleness_updates`.

| program (pfnet/pfrl, a3c)          | here                                             |
| ---------------------------------- | ------------------------------------------------ |
| t_max                              | `rollout_steps`                                  |
| processes                          | `num_actors`                                     |
| beta                               | `entropy_coefficient`                            |
| v_loss_coef, of half the square    | twice `value_coefficient`                        |
| max_grad_norm                      | `max_gradient_norm`                              |
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from replication.algorithms.networks import fill_torch7_uniform
from replication.algorithms.on_policy.a2c import act, network, state_values, targets
from replication.algorithms.on_policy.contract import Minibatch
from replication.algorithms.policy_networks import Outputs, PolicyNetwork, entropies, log_probabilities
from replication.specification.families.on_policy_modules import A3CConfig

__all__ = ["PAPER", "Config", "act", "initialise", "loss", "network", "state_values", "targets"]

PAPER = "Mnih et al. 2016, Asynchronous Methods for Deep Reinforcement Learning"
Config = A3CConfig


def initialise(network: PolicyNetwork, stream: np.random.Generator, config: A3CConfig) -> None:
    """Fill every parameter from the stream, uniformly by its number of inputs."""
    fill_torch7_uniform(network, stream)


def loss(outputs: Outputs, batch: Minibatch, config: A3CConfig) -> Tensor:
    """Compute the sum of -A log pi(a|s) + c_v (V(s) - R)^2 - c_e H(pi(.|s)) over the steps of a rollout.

    Source: pfnet/pfrl c8cb332 pfrl/agents/a3c.py:191-207.
    """
    policy_loss = -(batch.advantages * log_probabilities(outputs.logits, batch.actions)).sum()
    value_loss = (state_values(outputs, config) - batch.returns).square().sum()
    entropy = entropies(outputs.logits).sum()
    return policy_loss + config.value_coefficient * value_loss - config.entropy_coefficient * entropy
