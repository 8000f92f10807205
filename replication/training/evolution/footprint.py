"""The memory and disk that a search in the space of weights needs: nothing worth a word."""

from __future__ import annotations

from replication.specification.run import Run
from replication.training.replay.frame_store import Storage


def checkpoint_bytes(run: Run) -> int:
    """Return 0: a checkpoint holds a row for each finished seed."""
    return 0


def memory_bytes(run: Run, storage: Storage) -> int:
    """Return 0: candidates have some dozens of weights each."""
    return 0


def memory_text(run: Run, storage: Storage) -> str:
    """Return no text."""
    return ""
