"""What fits on a machine: the runs that one process can train, and the checkpoints that the disk has to hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from replication.evidence.state_files import checkpoints
from replication.foundation.errors import ReplicationError
from replication.foundation.resources import free_disk_bytes
from replication.specification.run import Run
from replication.training.footprints import load_footprint

WORKER_BYTES = 110_000_000
"""Memory of a worker process without its lanes: Python, numpy, numba and the emulator (measured, 107 MB)."""
LEARNER_BYTES = 3_000_000_000
"""Memory of the process that learns on a GPU, on the host, for torch and CUDA: assumed, not measured."""


def lanes_that_fit(run: Run, memory_bytes: int, workers: int) -> int:
    """Count the runs like this one that one process can train, with compressed frames of a busy game; at least 1.

    Args:
        run: a run that trains.
        memory_bytes: of the machine; a tenth is left to other programs.
        workers: processes that play for the one that learns.
    """
    each = max(1, load_footprint(run.family.name).memory_bytes(run, "lz4"))
    return max(1, (memory_bytes * 9 // 10 - LEARNER_BYTES - workers * WORKER_BYTES) // each)


def ensure_disk(runs: Sequence[Run], state: Path) -> None:
    """Compare the checkpoints of runs of one family with the free disk.

    Counted are the two checkpoints that are kept and the one being written, less those that are on the disk already.

    Raises:
        ReplicationError: too little is free.
    """
    checkpoint_bytes = load_footprint(runs[0].family.name).checkpoint_bytes
    there = sum(_bytes_of(folder) for run in runs for _, folder in checkpoints(run.state_folder(state)))
    needed, free = sum(checkpoint_bytes(run) * 3 // 2 for run in runs) - there, free_disk_bytes(state)
    if needed > free:
        raise ReplicationError(
            f"{state}: the checkpoints of {len(runs)} runs need another {needed / 1e9:.2f} GB, {free / 1e9:.2f} GB are "
            "free; make room, or name another disk with --state"
        )


def _bytes_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*") if file.is_file())
