"""Deep Q-network (Mnih et al. 2015) on vectors: the loss is that of screens, to the letter (off_policy/dqn.py)."""

from __future__ import annotations

from replication.algorithms.off_policy.dqn import loss
from replication.specification.families.off_policy_vectors import OffPolicyVectorsConfig

__all__ = ["PAPER", "Config", "loss"]

PAPER = "Mnih et al. 2015, Human-level control through deep reinforcement learning, Nature 518"
Config = OffPolicyVectorsConfig
