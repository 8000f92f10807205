"""Double DQN (van Hasselt et al. 2016): as dqn.py, but the online network chooses the action in the target.

| paper                                  | here                                |
| -------------------------------------- | ----------------------------------- |
| tuned: a single bias in the top layer  | `shared_output_bias`                |
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from replication.algorithms.networks import SharedBiasOutput
from replication.algorithms.off_policy import dqn
from replication.algorithms.off_policy.contract import Batch, Forward, Losses
from replication.algorithms.off_policy.dqn import acting_draws_spec, action_values, draws_spec, initialise
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.families.off_policy_modules import DoubleDQNConfig

__all__ = ["PAPER", "Config", "acting_draws_spec", "action_values", "draws_spec", "initialise", "loss", "network"]

PAPER = "van Hasselt, Guez and Silver 2016, Deep reinforcement learning with double Q-learning, AAAI"
Config = DoubleDQNConfig


def network(config: Config, num_actions: int) -> dqn.Network:
    """Build the network of DQN, uninitialised; its last layer may have a single bias."""
    built = dqn.network(config, num_actions)
    if config.shared_output_bias:
        built.values = SharedBiasOutput(config.network.hidden_units, num_actions)
    return built


def loss(
    online: Forward, target: Forward, batch: Batch, draws: Mapping[str, Tensor], config: OffPolicyConfig
) -> Losses:
    """Compute DQN's loss of the TD error to Y = r + gamma Q(s', argmax_a Q(s', a; theta); theta-).

    Returns: `per_transition` and `priority` (the clipped absolute TD error), float32 [batch].
    Source: van Hasselt et al. 2016, the target named Y^DoubleDQN; google-deepmind/dqn_zoo dqn_zoo/double_q/agent.py
    loss_fn. Priorities: Schaul et al. 2016, Algorithm 1, with TD errors clipped to [-1, 1] (section 4).
    """
    q_tm1 = online(batch.s_tm1)
    with torch.no_grad():
        a_t = online(batch.s_t).argmax(dim=1)
        q_target_t = target(batch.s_t)
        y = batch.r_t + batch.discount_t * dqn.chosen(q_target_t, a_t)
    return dqn.clipped_error_losses(q_tm1, batch.a_tm1, y)
