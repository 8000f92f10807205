"""Where and how runs are computed, and what the person at the terminal is told meanwhile."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from replication.frame_store import Storage
from replication.resources import usable_cpus

BAR: dict[str, Any] = {"mininterval": 0.5 if sys.stderr.isatty() else 15.0, "dynamic_ncols": sys.stderr.isatty()}
"""How often progress is shown: a log keeps every line."""


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


def say(line: str) -> None:
    """A line for the person at the terminal, beside the progress bar."""
    tqdm.write(line, file=sys.stderr)
