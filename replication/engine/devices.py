"""Which device a process computes on, and that no two cohorts take the same GPU unasked."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from replication.algorithms.contract import Algorithm
from replication.engine.learner import Learner
from replication.engine.stack import Stack
from replication.errors import ReplicationError
from replication.random_streams import training_streams
from replication.settings import OffPolicyConfig

_MOST_ACTIONS = 18
"""Of any Atari game."""


@contextmanager
def leased_device(device: str) -> Iterator[str]:
    """Hold a device while a cohort trains; the kernel gives it back however the process ends.

    Args:
        device: `cpu`; `cuda`: the first device that no other process has leased; `cuda:N`: that one, leased or not.
            CUDA_VISIBLE_DEVICES decides which devices there are and how they are counted.

    Yields: `cpu` or `cuda:N`.
    Raises:
        ReplicationError: there is no such device, or all are leased.
    """
    if device == "cpu":
        yield device
        return
    number = torch.cuda.device_count()
    if number == 0:
        raise ReplicationError(f"device {device}: torch sees no CUDA device here; use --device cpu")
    named = device.partition(":")[2]
    if named and int(named) >= number:
        raise ReplicationError(f"device {device}: torch sees {number} CUDA devices here, counted from 0; name another")
    for index in [int(named)] if named else range(number):
        path = lease_path(index)
        with _lease_file(path) as descriptor:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if not named:
                    continue
            yield f"cuda:{index}"
            return
    raise ReplicationError(
        f"device cuda: each of the {number} CUDA devices is leased by another process of this program; wait for one to "
        "end, or name a device to share: --device cuda:0"
    )


def card(device: str) -> dict[str, str]:
    """The name of a CUDA device's card, as a record keeps it beside the device; nothing for a CPU."""
    return {} if device == "cpu" else {"card": torch.cuda.get_device_name(device)}


def lease_path(index: int) -> Path:
    """The lock of a device; its name is the card's own, however a process counts the cards it may see."""
    return Path(tempfile.gettempdir()) / f"replication_gpu_{torch.cuda.get_device_properties(index).uuid}.lock"


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


@contextmanager
def _lease_file(path: Path) -> Iterator[int]:
    """Open the lock for whoever runs this program here; it is never removed, since another may hold it open."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        raise ReplicationError(f"{path}: the lease of a GPU cannot be written ({error.strerror}); remove it") from None
    with suppress(OSError):  # another user's file: it can be locked all the same
        os.fchmod(descriptor, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
