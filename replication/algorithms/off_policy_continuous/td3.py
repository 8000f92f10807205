"""Twin delayed DDPG (Fujimoto et al. 2018): two critics of which the lower counts, smoothed targets, a late actor.

| paper                      | here                                                            |
| -------------------------- | --------------------------------------------------------------- |
| sigma tilde, c             | `target_noise`, `target_noise_clip`, in the unit of the noise    |
| d                          | `policy_period_updates`                                         |
"""

from __future__ import annotations

import torch
from torch import Tensor

from replication.algorithms.off_policy_continuous.contract import ActionBounds
from replication.algorithms.off_policy_continuous.ddpg import actor_loss, critic_loss
from replication.specification.families.off_policy_continuous import TD3Config

__all__ = [
    "NUM_CRITICS",
    "PAPER",
    "SMOOTHS_TARGETS",
    "Config",
    "actor_loss",
    "critic_loss",
    "target_actions",
    "targets",
    "updates_actor",
]

PAPER = "Fujimoto et al. 2018, Addressing function approximation error in actor-critic methods, arXiv 1802.09477"
Config = TD3Config
NUM_CRITICS = 2
SMOOTHS_TARGETS = True


def target_actions(actions: Tensor, noise: Tensor | None, bounds: ActionBounds, config: TD3Config) -> Tensor:
    """Compute clip(pi'(s') + epsilon) within the bounds, with epsilon = clip(N(0, sigma), -c, c).

    Source: Fujimoto et al. 2018, Algorithm 1; the cut to the bounds: sfujim/TD3 34770cc TD3.py:112-118.
    """
    assert noise is not None, "an algorithm that smooths its targets is given noise"
    unit = 1.0 if config.noise_unit == "action" else bounds.half_range
    epsilon = (config.target_noise * noise).clamp(-config.target_noise_clip, config.target_noise_clip) * unit
    return torch.minimum(torch.maximum(actions + epsilon, bounds.low), bounds.high)


def targets(rewards: Tensor, goes_on: Tensor, next_values: Tensor, config: TD3Config) -> Tensor:
    """Compute y = r + gamma min_i Q'_i(s', a~), without the value where the task ended the episode.

    Source: Fujimoto et al. 2018, equation 10 and Algorithm 1.
    """
    return rewards + config.discount * goes_on * next_values.amin(dim=0)


def updates_actor(update: int, config: TD3Config) -> bool:
    """Return True in the last of each `policy_period_updates` updates.

    Source: Fujimoto et al. 2018, Algorithm 1 (t mod d); sfujim/TD3 34770cc TD3.py:103,139.
    """
    return (update + 1) % config.policy_period_updates == 0
