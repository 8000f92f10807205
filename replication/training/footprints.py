"""What planning asks each family about the memory and disk that its runs need; imports no torch and no emulator."""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from replication.specification.run import Run
from replication.training.replay.frame_store import Storage


class Footprint(Protocol):
    """The memory and disk that runs of a family need: the module `training/NAME/footprint.py`, without torch."""

    def checkpoint_bytes(self, run: Run) -> int:
        """Compute the size of all checkpoints that a run keeps at a time."""

    def memory_bytes(self, run: Run, storage: Storage) -> int:
        """Compute the memory that training takes for each run, beside that of the program."""

    def memory_text(self, run: Run, storage: Storage) -> str:
        """Describe this memory; '' where it is not worth a word."""


def load_footprint(name: str) -> Footprint:
    """Import what planning asks about a family."""
    return cast(Footprint, importlib.import_module(f"{__package__}.{name}.footprint"))
