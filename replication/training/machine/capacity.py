"""The memory and the disk that a cohort needs, checked against what is free before it trains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from replication.evidence.state_files import checkpoints
from replication.foundation.errors import ReplicationError
from replication.foundation.resources import available_memory_bytes, free_disk_bytes
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.run import Run
from replication.training.machine.footprint import WORKER_BYTES, checkpoint_bytes, priority_bytes, rows_held
from replication.training.machine.settings import Machine
from replication.training.replay.frame_store import typical_bytes


def ensure_memory_and_disk(runs: Sequence[Run], config: OffPolicyConfig, machine: Machine) -> None:
    """Compare replay memories with the memory available, and checkpoints with the free disk.

    A compressed memory counts as that of a busy game, with as many rows as the budget can fill; a raw one counts whole.
    Counted are the two checkpoints that are kept and the one being written, less those that are on the disk already.

    Raises:
        ReplicationError: too little memory or disk is free.
    """
    storage, state, workers = machine.storage, machine.state, min(machine.workers, len(runs))
    rows = rows_held(runs[0], config, storage)
    _, frames = typical_bytes(rows, storage)
    each = frames + priority_bytes(config)
    beside, available = workers * WORKER_BYTES, available_memory_bytes()
    needed, fit = each * len(runs) + beside, (available - beside) // each
    if needed > available:
        fewer = f"train at most {fit} at a time" if fit >= 1 else ""
        packed = "take --replay-storage lz4" if storage == "raw" else ""
        advice = " or ".join(part for part in (packed, fewer) if part) or "free memory, or take a larger machine"
        processes = f" in {workers} worker processes" if workers else ""
        raise ReplicationError(
            f"memory: {len(runs)} replay memories of {rows:,} rows ({storage}){processes} need "
            f"{needed / 1e9:.1f} GB, {available / 1e9:.1f} GB are available; {advice}"
        )
    there = sum(_bytes_of(folder) for run in runs for _, folder in checkpoints(run.state_folder(state)))
    needed, free = sum(checkpoint_bytes(run) * 3 // 2 for run in runs) - there, free_disk_bytes(state)
    if needed > free:
        raise ReplicationError(
            f"{state}: the checkpoints of {len(runs)} runs need another {needed / 1e9:.2f} GB, {free / 1e9:.2f} GB are "
            "free; make room, or name another disk with --state"
        )


def _bytes_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*") if file.is_file())
