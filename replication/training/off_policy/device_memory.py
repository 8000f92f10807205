"""The memory that a cohort needs on a GPU, checked against what is free there."""

from __future__ import annotations

import torch

from replication.algorithms.off_policy.contract import Algorithm
from replication.foundation.errors import ReplicationError
from replication.foundation.random_streams import training_streams
from replication.specification.families.off_policy import STREAMS, OffPolicyConfig
from replication.training.off_policy.learner import Learner
from replication.training.off_policy.stack import Stack

_MOST_ACTIONS = 18
"""Of any Atari game."""


def ensure_device_memory(lanes: int, algorithm: Algorithm, config: OffPolicyConfig, device: str) -> None:
    """Measure the GPU memory of a stack of one lane, and compare what a cohort will need with what is free.

    Raises:
        ReplicationError: the cohort does not fit; says how many lanes would.
    """
    if device == "cpu":
        return
    torch.cuda.reset_peak_memory_stats(device)
    learner = Learner(algorithm, config, _MOST_ACTIONS, training_streams(0, "catch", STREAMS), device)
    stack = Stack([learner])  # recording its calls has made each of them
    each = torch.cuda.max_memory_allocated(device)
    del learner, stack
    torch.cuda.empty_cache()
    check_device_memory(lanes, each, torch.cuda.mem_get_info(device)[0], device)


def check_device_memory(lanes: int, each_bytes: int, free_bytes: int, device: str) -> None:
    """Raise as `ensure_device_memory` does where so many lanes, of `each_bytes`, need more than `free_bytes`."""
    if lanes * each_bytes > free_bytes:
        fit = free_bytes // each_bytes
        advice = f"train at most {fit} at a time" if fit else "take a larger device, or --device cpu"
        raise ReplicationError(
            f"device {device}: {lanes} lanes need about {lanes * each_bytes / 1e9:.1f} GB of its memory, "
            f"{free_bytes / 1e9:.1f} GB are free; {advice}"
        )
