"""Memory that the main process and the workers share: arrays at fixed places.

The memory is anonymous: it goes with the last process that holds it, however that ends.
"""

from __future__ import annotations

import math
import mmap
import os
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Layout = Mapping[str, tuple[tuple[int, ...], str]]
"""Shape and type of each array by name, in the order in which they lie. Each begins on a page."""


def shared_memory(layout: Layout) -> int:
    """Make memory of zeros for arrays; `map_arrays` maps it, here and in workers.

    Returns: its file descriptor.
    """
    if sys.platform == "linux":  # not limited to the size of /dev/shm, which is small in containers
        descriptor = os.memfd_create("lanes")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, _bytes_needed(layout))
    return descriptor


def map_arrays(descriptor: int, layout: Layout) -> dict[str, NDArray[Any]]:
    """Map the memory that `shared_memory` made for the same layout."""
    memory = mmap.mmap(descriptor, _bytes_needed(layout))
    arrays: dict[str, NDArray[Any]] = {}
    place = 0
    for name, (shape, dtype) in layout.items():
        arrays[name] = np.frombuffer(memory, dtype, math.prod(shape), place).reshape(shape)
        place += _whole_pages(arrays[name].nbytes)
    return arrays


def _bytes_needed(layout: Layout) -> int:
    return sum(_whole_pages(math.prod(shape) * np.dtype(dtype).itemsize) for shape, dtype in layout.values())


def _whole_pages(size_bytes: int) -> int:
    return -(-size_bytes // mmap.PAGESIZE) * mmap.PAGESIZE
