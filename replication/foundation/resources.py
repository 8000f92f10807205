"""The processors, memory and disk space that this machine has left."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from pathlib import Path

_MEMORY = Path("/proc/meminfo")
_PROCESSORS = Path("/proc/cpuinfo")
_MODEL = re.compile(r"^(?:model name|cpu family|model|CPU implementer|CPU part)\s*:\s*(.*\S)\s*$", re.MULTILINE)


def processor_model() -> str:
    """Return the processor's name, with the numbers of its family and model: clouds give many models one name."""
    first, _, _ = (_PROCESSORS.read_text() if _PROCESSORS.exists() else "").strip().partition("\n\n")
    return " ".join(_MODEL.findall(first)) or platform.processor()


def usable_cpus() -> int:
    """Count the processors this process may use: fewer than the machine has under `taskset` or in a container."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def available_memory_bytes() -> int:
    """Return the memory that programs can take without swapping; all of the machine's where that is unknown (macOS)."""
    found = re.search(r"^MemAvailable: *(\d+) kB$", _MEMORY.read_text() if _MEMORY.exists() else "", re.MULTILINE)
    return int(found[1]) * 1024 if found else total_memory_bytes()


def total_memory_bytes() -> int:
    """Return the memory of this machine, used or not."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def free_disk_bytes(path: Path) -> int:
    """Return the free space where a file would lie; its folder need not exist yet."""
    place = path.resolve()
    while not place.is_dir():
        place = place.parent
    return shutil.disk_usage(place).free
