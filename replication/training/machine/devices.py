"""The device that a process computes on, leased so that no two cohorts share a GPU unless asked to."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from replication.foundation.errors import ReplicationError


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
    """Return a CUDA device's card and the build of torch, as a record holds them beside the device; none for a CPU.

    Equal bytes are promised for one kind of card and one build (`2.13.0+cu130`, of CUDA 13.0); the identity of a run
    knows neither.
    """
    if device == "cpu":
        return {}
    built = f"{torch.__version__} (CUDA {torch.version.cuda})"
    return {"card": torch.cuda.get_device_name(device), "torch_build": built}


def lease_path(index: int) -> Path:
    """Return the lock file of a device, named after the card itself: processes may count their cards differently."""
    return Path(tempfile.gettempdir()) / f"replication_gpu_{torch.cuda.get_device_properties(index).uuid}.lock"


@contextmanager
def _lease_file(path: Path) -> Iterator[int]:
    """Open the lock file, for every user of this machine; it is never removed, since another may hold it open."""
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
