"""What this machine has left: memory and disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import psutil


def available_memory_bytes() -> int:
    """Memory that programs can take without swapping."""
    return int(psutil.virtual_memory().available)


def total_memory_bytes() -> int:
    """Memory of this machine, whatever is in it."""
    return int(psutil.virtual_memory().total)


def free_disk_bytes(path: Path) -> int:
    """Free space where a file would lie; the folder need not exist yet."""
    place = path.resolve()
    while not place.is_dir():
        place = place.parent
    return shutil.disk_usage(place).free
