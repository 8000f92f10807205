"""Settings of the machine: where and how runs are computed and stored, and what is shown meanwhile."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from replication.foundation.resources import usable_cpus
from replication.training.replay.frame_store import Storage


@dataclass(frozen=True)
class Machine:
    """Settings of how runs are computed; nothing here changes a number on a CPU."""

    results: Path
    state: Path
    device: str
    storage: Storage
    checkpoint_seconds: float
    max_seconds: float | None
    """Time from `started` on after which this process stops as if by a signal; None: no limit."""
    quiet: bool
    workers: int = 0
    """Worker processes that the lanes of a cohort are dealt to; 0: the lanes live in this process."""
    started: float = field(default_factory=time.monotonic)
    """Moment of `time.monotonic` at which the process began."""
    memory_bytes: int | None = None
    """Memory that replay memories may take; None: what the system says is available when they are opened."""
    deadline_seconds: float | None = None
    """Time from `started` on within which training must end, or it is refused in its first seconds; None: none."""
    tensorboard: Path | None = None
    """The folder that event files for TensorBoard go to, a folder a run; None: none are written."""


def default_workers(device: str) -> int:
    """Return how many workers to use: 0 on a CPU, which the networks need, else one for each core we may use."""
    return 0 if device == "cpu" else usable_cpus()
