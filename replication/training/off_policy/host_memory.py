"""The memory that a cohort's replay memories need, checked against what is free before it trains."""

from __future__ import annotations

from collections.abc import Sequence

from replication.foundation.errors import ReplicationError
from replication.foundation.resources import available_memory_bytes
from replication.specification.run import Run
from replication.training.machine.capacity import WORKER_BYTES
from replication.training.machine.settings import Machine
from replication.training.off_policy.footprint import memory_bytes, rows_held


def ensure_memory(runs: Sequence[Run], machine: Machine) -> None:
    """Compare the replay memories of runs of one variant with the memory available, or that the machine may take.

    A compressed memory counts as that of a busy game, with as many rows as the budget can fill; a raw one counts whole.

    Raises:
        ReplicationError: too little memory is free.
    """
    storage, workers = machine.storage, min(machine.workers, len(runs))
    each, rows = memory_bytes(runs[0], storage), rows_held(runs[0], storage)
    beside = workers * WORKER_BYTES
    available = available_memory_bytes() if machine.memory_bytes is None else machine.memory_bytes
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
