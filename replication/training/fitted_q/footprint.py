"""The memory and disk that runs of the fitted Q family need; imports no torch."""

from __future__ import annotations

from replication.specification.run import Run
from replication.training.replay.frame_store import Storage

_POLICY_BYTES, _ROW_BYTES = 56 * 8, 300
"""Of a seed in a checkpoint: the weights of its network, and its row."""


def checkpoint_bytes(run: Run) -> int:
    """Compute the size of all checkpoints that a run keeps at a time: all seeds of its bundle, twice."""
    seeds = run.bundle.count if run.bundle else 1
    return 2 * seeds * (_POLICY_BYTES + _ROW_BYTES)


def memory_bytes(run: Run, storage: Storage) -> int:
    """Compute the memory that training takes for each run, beside that of the program: a seed's transitions, at most.

    A random episode lasts 6 to 9 cycles; a transition is 13 numbers, and the network is trained in blocks.
    """
    return 20 * run.budget.episodes * 13 * 8


def memory_text(run: Run, storage: Storage) -> str:
    """Return '': a megabyte is not worth a word."""
    return ""
