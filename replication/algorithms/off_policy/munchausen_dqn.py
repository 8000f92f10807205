"""Munchausen DQN (Vieillard et al. 2020): dqn.py with a soft target and the scaled log-policy added to the reward.

| paper                                        | here                              |
| -------------------------------------------- | --------------------------------- |
| tau, entropy temperature                     | `entropy_temperature`             |
| alpha, Munchausen coefficient                | `munchausen_coefficient`          |
| l_0, least clipped log-policy times tau      | `log_policy_min`                  |
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from replication.algorithms.off_policy import dqn
from replication.algorithms.off_policy.contract import Batch, Forward, Losses
from replication.algorithms.off_policy.dqn import (
    acting_draws_spec,
    action_values,
    chosen,
    draws_spec,
    initialise,
    network,
)
from replication.specification.families.off_policy_modules import MunchausenDQNConfig

__all__ = ["PAPER", "Config", "acting_draws_spec", "action_values", "draws_spec", "initialise", "loss", "network"]

PAPER = "Vieillard, Pietquin and Geist 2020, Munchausen reinforcement learning, NeurIPS"
Config = MunchausenDQNConfig


def scaled_log_policy(q: Tensor, temperature: float) -> Tensor:
    """Compute tau ln pi, pi = softmax(Q / tau), as Q - V - tau ln sum exp((Q - V) / tau), with V the largest of Q.

    Source: Vieillard et al. 2020, the appendix on numerical stability; google-research/google-research
    munchausen_rl/common/utils.py stable_scaled_log_softmax.
    """
    difference = q - q.max(dim=1, keepdim=True).values
    return difference - temperature * (difference / temperature).logsumexp(dim=1, keepdim=True)


def munchausen_reward(q_tm1: Tensor, a_tm1: Tensor, r_t: Tensor, config: Config) -> Tensor:
    """Compute r + alpha [tau ln pi(a | s)] cut to [l_0, 0], float32 [batch]; `q_tm1`, [batch, actions], gives pi."""
    log_policy = chosen(scaled_log_policy(q_tm1, config.entropy_temperature), a_tm1)
    return r_t + config.munchausen_coefficient * log_policy.clamp(min=config.log_policy_min, max=0.0)


def loss(online: Forward, target: Forward, batch: Batch, draws: Mapping[str, Tensor], config: Config) -> Losses:
    """Compute DQN's loss of the TD error to the Munchausen target, whose policies are the target network's.

    y = r + alpha tau ln pi(a | s) + gamma sum_a' pi(a' | s') (Q(s', a') - tau ln pi(a' | s')).

    Returns: `per_transition` and `priority` (the clipped absolute TD error), float32 [batch].
    Source: Vieillard et al. 2020, the target q-hat_m-dqn; google-research/google-research
    munchausen_rl/agents/m_dqn.py _build_target_q_op.
    """
    q_tm1 = online(batch.s_tm1)
    with torch.no_grad():
        q_target_t = target(batch.s_t)
        log_policy_t = scaled_log_policy(q_target_t, config.entropy_temperature)
        policy_t = (log_policy_t / config.entropy_temperature).exp()
        soft_value_t = (policy_t * (q_target_t - log_policy_t)).sum(dim=1)
        reward = munchausen_reward(target(batch.s_tm1), batch.a_tm1, batch.r_t, config)
        y = reward + batch.discount_t * soft_value_t
    return dqn.clipped_error_losses(q_tm1, batch.a_tm1, y)
