"""Page-locked memory: a device copies from it by itself, without a copy on the host before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray


@contextmanager
def page_locked(arrays: Sequence[NDArray[Any]], device: str) -> Iterator[None]:
    """Lock the pages of arrays for as long as the block lasts, where a CUDA device is to copy from them.

    Where the system allows no more locked memory, the rest stays as it is: it is then copied to locked memory first.

    Args:
        arrays: each contiguous, with memory of its own from a page's beginning on.
        device: `cpu`, for which nothing is done, or `cuda:N`.

    Source: CUDA Runtime API, cudaHostRegister; measured on an H200, copies from such memory are as fast as from
    torch's own (results/benchmark/README.md).
    """
    with ExitStack() as until_left:
        if device != "cpu":
            cuda = torch.cuda.cudart()
            for array in arrays:
                if int(cuda.cudaHostRegister(array.ctypes.data, array.nbytes, 0)) == 0:
                    until_left.callback(cuda.cudaHostUnregister, array.ctypes.data)
        yield


def adjoining(arrays: Sequence[NDArray[Any] | None]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Return arrays that lie side by side in memory as one, so that one copy takes them all.

    Args:
        arrays: contiguous, of one shape and type; None: there is none at this place.

    Yields: the place of the first of some, and all of them as one array [some, ...]; in order, each in one of these.
    """
    place = 0
    while place < len(arrays):
        first, start = arrays[place], place
        place += 1
        if first is None:
            continue
        while place < len(arrays) and _follows(arrays[place], first, place - start):
            place += 1
        yield start, as_strided(first, (place - start, *first.shape), (first.nbytes, *first.strides))


def _follows(array: NDArray[Any] | None, first: NDArray[Any], places: int) -> bool:
    """Return whether an array lies so many places behind the first."""
    return array is not None and array.ctypes.data == first.ctypes.data + places * first.nbytes
