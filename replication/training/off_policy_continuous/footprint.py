"""The memory and disk that a run of the family needs, computed before it starts; imports no torch and no simulator."""

from __future__ import annotations

import itertools

from replication.specification.families.off_policy_continuous import OffPolicyContinuousConfig
from replication.specification.run import Run
from replication.training.replay.frame_store import Storage

_NUMBERS_A_STEP = 60
"""Assumed of a transition: twice an observation and an action. Tasks of MuJoCo and Box2D have 12 to 60."""
_CRITICS = 2
_VECTORS = 4
"""Of each network: weights, targets, and two running means of the optimizer."""


def memory_bytes(run: Run, storage: Storage) -> int:
    """Compute the memory that the replay memory takes once it is as full as it gets."""
    config = run.settings_as(OffPolicyContinuousConfig)
    return 4 * _NUMBERS_A_STEP * min(config.replay_capacity_steps, run.budget.steps)


def memory_text(run: Run, storage: Storage) -> str:
    """Describe this memory."""
    return f"replay memory: about {memory_bytes(run, storage) / 1e6:.0f} MB"


def checkpoint_bytes(run: Run) -> int:
    """Compute the size of the two checkpoints that a run keeps: replay memory, networks, optimizers."""
    config = run.settings_as(OffPolicyContinuousConfig)
    networks = _weights(config.actor.hidden_units) + _CRITICS * _weights(config.critic.hidden_units)
    return 2 * (memory_bytes(run, "raw") + 4 * _VECTORS * networks)


def _weights(hidden_units: tuple[int, ...]) -> int:
    """Count the weights between hidden layers, and about those of input and output."""
    between = sum(a * b for a, b in itertools.pairwise(hidden_units))
    return between + _NUMBERS_A_STEP * (hidden_units[0] + hidden_units[-1])
