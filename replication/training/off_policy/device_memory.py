"""Whether a cohort fits into the memory of a GPU."""

from __future__ import annotations

import torch

from replication.algorithms.off_policy.contract import Algorithm
from replication.foundation.errors import ReplicationError
from replication.foundation.random_streams import training_streams
from replication.specification.families.off_policy import OffPolicyConfig
from replication.training.off_policy.learner import Learner
from replication.training.off_policy.stack import Stack

_MOST_ACTIONS = 18
"""Of any Atari game."""


def ensure_device_room(lanes: int, algorithm: Algorithm, config: OffPolicyConfig, device: str) -> None:
    """Compare what a cohort will take of a GPU with what is free there, from a stack of one lane.

    Raises:
        ReplicationError: it would not fit; says how many lanes would.
    """
    if device == "cpu":
        return
    torch.cuda.reset_peak_memory_stats(device)
    learner = Learner(algorithm, config, _MOST_ACTIONS, training_streams(0, "catch"), device)
    stack = Stack([learner])  # records its calls, so has made each of them
    each = torch.cuda.max_memory_allocated(device)
    del learner, stack
    torch.cuda.empty_cache()
    check_device_room(lanes, each, torch.cuda.mem_get_info(device)[0], device)


def check_device_room(lanes: int, each_bytes: int, free_bytes: int, device: str) -> None:
    """Raise what `ensure_device_room` does."""
    if lanes * each_bytes > free_bytes:
        fit = free_bytes // each_bytes
        advice = f"train at most {fit} at a time" if fit else "take a larger device, or --device cpu"
        raise ReplicationError(
            f"device {device}: {lanes} lanes need about {lanes * each_bytes / 1e9:.1f} GB of its memory, "
            f"{free_bytes / 1e9:.1f} GB are free; {advice}"
        )
