"""Munchausen IQN (Vieillard et al. 2020): iqn.py towards the target of munchausen_dqn.py, quantile by quantile."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from replication.algorithms.off_policy import iqn, munchausen_dqn
from replication.algorithms.off_policy.contract import Batch, DrawSpec, Forward, Losses
from replication.algorithms.off_policy.dqn import chosen, initialise
from replication.algorithms.off_policy.iqn import acting_draws_spec, network
from replication.algorithms.off_policy.munchausen_dqn import munchausen_reward, scaled_log_policy
from replication.algorithms.off_policy.qr_dqn import action_values, quantile_losses
from replication.specification.families.off_policy_modules import MunchausenIQNConfig

__all__ = ["PAPER", "Config", "acting_draws_spec", "action_values", "draws_spec", "initialise", "loss", "network"]

PAPER = munchausen_dqn.PAPER
Config = MunchausenIQNConfig


def draws_spec(config: Config, num_actions: int) -> Mapping[str, DrawSpec]:
    """Return the fractions of IQN, and those of the policy in the state s."""
    policy = acting_draws_spec(config, num_actions, evaluating=False)["tau"]
    return {**iqn.draws_spec(config, num_actions), "tau_policy_tm1": policy}


def loss(online: Forward, target: Forward, batch: Batch, draws: Mapping[str, Tensor], config: Config) -> Losses:
    """Compute the quantile regression of Z_tau(s, a) towards the Munchausen target, quantile by quantile.

    The target is r + alpha tau ln pi(a | s) + gamma sum_a' pi(a' | s') (Z_tau'(s', a') - tau ln pi). Its policies are
    those of the target network's values, the means of K quantiles.

    Returns: `per_transition`, and as `priority` the absolute error of the expected value (the paper prioritises
    nothing), float32 [batch].
    Source: Vieillard et al. 2020, the appendix on M-IQN; google-research/google-research
    munchausen_rl/agents/m_iqn.py _build_target_quantile_values_op.
    """
    z_tm1 = chosen(online(batch.s_tm1, draws["tau_tm1"]), batch.a_tm1)
    with torch.no_grad():
        z_target_t = target(batch.s_t, torch.cat([draws["tau_t"], draws["tau_policy_t"]], dim=1))
        z_t, z_policy_t = z_target_t.split([config.target_samples, config.policy_samples], dim=2)
        log_policy_t = scaled_log_policy(action_values(z_policy_t, config), config.entropy_temperature)[:, :, None]
        policy_t = (log_policy_t / config.entropy_temperature).exp()
        soft_z_t = (policy_t * (z_t - log_policy_t)).sum(dim=1)
        q_target_tm1 = action_values(target(batch.s_tm1, draws["tau_policy_tm1"]), config)
        reward = munchausen_reward(q_target_tm1, batch.a_tm1, batch.r_t, config)
        y = reward[:, None] + batch.discount_t[:, None] * soft_z_t
    assert z_tm1.shape == (len(batch.a_tm1), config.online_samples)
    assert y.shape == (len(batch.a_tm1), config.target_samples)
    return quantile_losses(z_tm1, draws["tau_tm1"], y, config.huber_threshold)
