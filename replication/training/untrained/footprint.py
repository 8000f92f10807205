"""The memory and disk that a run without training needs: nothing worth a word."""

from __future__ import annotations

from replication.specification.run import Run
from replication.training.replay.frame_store import Storage


def checkpoint_bytes(run: Run) -> int:
    """Return 0: it has no checkpoints."""
    return 0


def memory_bytes(run: Run, storage: Storage) -> int:
    """Return 0: it keeps nothing of what it plays."""
    return 0


def memory_text(run: Run, storage: Storage) -> str:
    """Return no text."""
    return ""
