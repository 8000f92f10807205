"""Where and how runs are computed, and what the person at the terminal is told meanwhile."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from replication.foundation.resources import usable_cpus
from replication.training.replay.frame_store import Storage


@dataclass(frozen=True)
class Machine:
    """Where and how a run is computed; nothing here changes a number on a CPU."""

    results: Path
    state: Path
    device: str
    storage: Storage
    checkpoint_seconds: float
    max_seconds: float | None
    """Of this process, from `started` on, after which it stops as if a signal had come; None: no limit."""
    quiet: bool
    workers: int = 0
    """Processes that the lanes of a cohort are dealt to; 0: they live in this one."""
    started: float = field(default_factory=time.monotonic)
    """Moment of `time.monotonic` at which the process began."""


def default_workers(device: str) -> int:
    """None on a CPU, which the networks need; beside a GPU one for each core that this process may use."""
    return 0 if device == "cpu" else usable_cpus()
