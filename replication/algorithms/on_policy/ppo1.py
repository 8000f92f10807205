"""Proximal policy optimization as the first program of its authors has it (ppo1): as PPO, but for what is scaled when.

Advantages are scaled once a rollout, over the steps of each actor apart, and not in each minibatch.
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from replication.algorithms.on_policy.a2c import act, initialise, network, state_values, targets
from replication.algorithms.on_policy.contract import Minibatch, Updates
from replication.algorithms.on_policy.ppo import loss
from replication.algorithms.perceptron_policies import AnyPolicyNetwork
from replication.algorithms.policy_networks import normalized_by_actor
from replication.specification.families.on_policy_modules import PPOConfig

__all__ = ["PAPER", "Config", "act", "initialise", "loss", "network", "state_values", "targets", "update"]

PAPER = "Schulman et al. 2017, Proximal policy optimization algorithms, arXiv 1707.06347; openai/baselines, ppo1"
Config = PPOConfig


def update(network: AnyPolicyNetwork, states: Tensor, batch: Minibatch, updates: Updates, config: PPOConfig) -> None:
    """Scale the advantages of each actor, then take a step of the optimizer for each minibatch.

    Source: openai/baselines d9f194f baselines/ppo1/pposgd_simple.py.
    """
    batch = replace(batch, advantages=normalized_by_actor(batch.advantages, config.num_actors))
    for chosen in updates.minibatches():
        updates.step(loss(network(states[chosen]), batch.part(chosen), config))
