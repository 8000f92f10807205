"""The processors, memory and disk space that this process may use."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

_MEMORY = Path("/proc/meminfo")
_PROCESSORS = Path("/proc/cpuinfo")
_OWN_GROUPS = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")


def processor_model() -> str:
    """Return the processor's name, with family and model, since several kinds share a name."""
    if _PROCESSORS.exists():
        pairs = [line.partition(":") for line in _PROCESSORS.read_text().splitlines() if ":" in line]
        told = {name.strip(): value.strip() for name, _, value in pairs}
        if "model name" in told:
            return f"{told['model name']} (family {told.get('cpu family')}, model {told.get('model')})"
    return platform.processor() or "an unknown processor"


def usable_cpus() -> int:
    """Count the processors this process may use: fewer than the machine has under `taskset` or in a container."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([allowed, *(int(share) for share in _processor_shares())]))


def available_memory_bytes() -> int:
    """Return the memory that programs can take without swapping, in the container that this one runs in, if any.

    All of the machine's where that is unknown (macOS).
    """
    found = re.search(r"^MemAvailable: *(\d+) kB$", _MEMORY.read_text() if _MEMORY.exists() else "", re.MULTILINE)
    machine = int(found[1]) * 1024 if found else total_memory_bytes()
    return max(0, min([machine, *(limit - used for limit, used in _memory_limits())]))


def total_memory_bytes() -> int:
    """Return the memory of this machine, used or not; in a container what that may take."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([machine, *(limit for limit, _ in _memory_limits())])


def _processor_shares() -> Iterator[float]:
    """Yield how many processors each of our control groups may use, where it has a limit."""
    for folder in _own_groups("cpu"):
        quota, _, period = _read(folder / "cpu.max").partition(" ")  # version 2: "150000 100000", "max 100000"
        if not quota:
            quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")  # -1: no limit
        if quota.isdigit() and period.isdigit():
            yield int(quota) / int(period)


def _memory_limits() -> Iterator[tuple[int, int]]:
    """Yield how many bytes each of our control groups may take, where it has a limit, and how many it uses.

    Files that are kept in memory do not count as used: they give way.
    """
    names = (("memory.max", "memory.current", ""), ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_"))
    for folder in _own_groups("memory"):
        for of_limit, of_use, prefix in names:
            limit, use = _read(folder / of_limit), _read(folder / of_use)
            if limit.isdigit() and use.isdigit():
                files = rf"^{prefix}(?:in)?active_file (\d+)$"
                kept = sum(map(int, re.findall(files, _read(folder / "memory.stat"), re.MULTILINE)))
                yield int(limit), max(0, int(use) - kept)


def _own_groups(controller: str) -> Iterator[Path]:
    """Yield the folders of the control groups that this process is in, innermost first: each may have a limit.

    In a container the path may be that of the machine outside, and our own group the topmost folder.
    """
    for line in _read(_OWN_GROUPS).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = _GROUPS / controller if controllers else _GROUPS  # version 1, version 2
        inside = Path(path.lstrip("/"))
        yield from (root / part for part in (inside, *inside.parents))


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def free_disk_bytes(path: Path) -> int:
    """Return the free space where a file would lie; its folder need not exist yet."""
    place = path.resolve()
    while not place.is_dir():
        place = place.parent
    return shutil.disk_usage(place).free
