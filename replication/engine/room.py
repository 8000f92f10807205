"""Whether there is room for what a cohort is about to take: said before it trains, not when it is half way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from replication.config import OffPolicyConfig
from replication.errors import ReplicationError
from replication.frame_store import Storage, typical_bytes
from replication.plan import checkpoint_bytes
from replication.resources import available_memory_bytes, free_disk_bytes
from replication.runs import Run


def ensure_room(runs: Sequence[Run], config: OffPolicyConfig, storage: Storage, state: Path) -> None:
    """Compare replay memories with the memory available, and checkpoints with the free disk.

    A compressed memory counts as that of a busy game.

    Raises:
        ReplicationError: there is too little of either.
    """
    _, each = typical_bytes(config.replay_capacity_rows, storage)
    needed, available = each * len(runs), available_memory_bytes()
    if needed > available:
        fewer = f"train at most {available // each} lanes at a time" if available >= each else ""
        packed = "take --replay-storage lz4" if storage == "raw" else ""
        advice = " or ".join(part for part in (packed, fewer) if part) or "free memory, or take a larger machine"
        raise ReplicationError(
            f"memory: {len(runs)} replay memories of {config.replay_capacity_rows:,} rows ({storage}) need "
            f"{needed / 1e9:.1f} GB, {available / 1e9:.1f} GB are available; {advice}"
        )
    needed, free = sum(checkpoint_bytes(run) for run in runs), free_disk_bytes(state)
    if needed > free:
        raise ReplicationError(
            f"{state}: the checkpoints of {len(runs)} runs need {needed / 1e9:.2f} GB, {free / 1e9:.2f} GB are free; "
            "make room, or name another disk with --state"
        )
