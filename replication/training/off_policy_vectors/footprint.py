"""The memory and disk that a run of the family needs, computed before it starts; imports no torch and no simulator."""

from __future__ import annotations

from itertools import pairwise

from replication.specification.families.off_policy_vectors import OffPolicyVectorsConfig
from replication.specification.run import Run
from replication.training.replay.frame_store import Storage

_NUMBERS_A_STEP = 20
"""Assumed of a transition: twice an observation, and three more. Classic control and the lander have 7 to 19."""
_VECTORS = 4
"""Of the network: weights, target, and two running means of the optimizer."""


def memory_bytes(run: Run, storage: Storage) -> int:
    """Compute the memory that the replay memory takes once it is as full as it gets."""
    capacity = run.settings_as(OffPolicyVectorsConfig).replay_capacity_steps
    return 4 * _NUMBERS_A_STEP * (min(capacity, run.budget.steps) if run.budget.steps else capacity)


def memory_text(run: Run, storage: Storage) -> str:
    """Describe this memory."""
    return f"replay memory: about {memory_bytes(run, storage) / 1e6:.0f} MB"


def checkpoint_bytes(run: Run) -> int:
    """Compute the size of the two checkpoints that a run keeps: replay memory, network, optimizer."""
    sizes = (_NUMBERS_A_STEP // 2, *run.settings_as(OffPolicyVectorsConfig).hidden_units, 4)
    weights = sum((inputs + 1) * outputs for inputs, outputs in pairwise(sizes))
    return 2 * (memory_bytes(run, "raw") + 4 * _VECTORS * weights)
