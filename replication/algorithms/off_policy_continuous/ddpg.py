"""Deep deterministic policy gradient (Lillicrap et al. 2016): a critic learns Q(s, a), an actor climbs it."""

from __future__ import annotations

import torch
from torch import Tensor

from replication.algorithms.off_policy_continuous.contract import ActionBounds, Loss
from replication.specification.families.off_policy_continuous import OffPolicyContinuousConfig

PAPER = "Lillicrap et al. 2016, Continuous control with deep reinforcement learning, arXiv 1509.02971"
Config = OffPolicyContinuousConfig
NUM_CRITICS = 1
SMOOTHS_TARGETS = False


def target_actions(
    actions: Tensor, noise: Tensor | None, bounds: ActionBounds, config: OffPolicyContinuousConfig
) -> Tensor:
    """Return mu'(s'), as it is."""
    return actions


def targets(rewards: Tensor, goes_on: Tensor, next_values: Tensor, config: OffPolicyContinuousConfig) -> Tensor:
    """Compute y = r + gamma Q'(s', mu'(s')), without the value where the task ended the episode.

    Source: Lillicrap et al. 2016, Algorithm 1.
    """
    return rewards + config.discount * goes_on * next_values[0]


def critic_loss(values: Tensor, targets: Tensor, config: OffPolicyContinuousConfig) -> Loss:
    """Compute the mean of (y - Q(s, a))^2 over the minibatch; of several critics, the sum of theirs.

    Source: Lillicrap et al. 2016, Algorithm 1.
    """
    errors = values - targets
    return Loss(errors.square().mean(dim=1).sum(), 2.0 * errors / len(targets))


def actor_loss(values: Tensor, config: OffPolicyContinuousConfig) -> Loss:
    """Compute -mean Q(s, mu(s)), whose gradient is the sampled policy gradient.

    Source: Lillicrap et al. 2016, Algorithm 1.
    """
    return Loss(-values.mean(), torch.full_like(values, -1.0 / len(values)))


def updates_actor(update: int, config: OffPolicyContinuousConfig) -> bool:
    """Return True: the actor learns in every update."""
    return True
