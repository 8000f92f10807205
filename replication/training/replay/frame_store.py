"""The frames of a replay memory: compressed one by one without loss, or in one raw array."""

from __future__ import annotations

import sys
from typing import Literal, Protocol

import lz4.block
import numpy as np
from numpy.typing import NDArray

FRAME_SHAPE = (84, 84)
FRAME_BYTES = 84 * 84

ROW_BYTES = 8
"""Stored beside each frame: action int16, reward float32, outcome uint8, position uint8."""

SLOT_BYTES = 8
"""A list's pointer to one compressed frame."""
OBJECT_BYTES = 33
"""A bytes object without its content (CPython, 64 bits); with the slot within 1 % of what a process grows by."""
TYPICAL_LZ4_BYTES = (252, 1_840)
"""Mean compressed frame of Pong and of Ms. Pacman under random play: the least and the most of six games measured."""
MOST_LZ4_BYTES = FRAME_BYTES + FRAME_BYTES // 255 + 16
"""Of a frame that cannot be compressed. Source: LZ4_COMPRESSBOUND in lz4.h."""

Storage = Literal["lz4", "raw"]


class FrameStore(Protocol):
    """Frames by row; a row is written again when the ring comes round."""

    def put(self, row: int, frame: NDArray[np.uint8]) -> None:
        """Store a copy of `frame`, uint8 [84, 84], at `row`."""

    def gather(self, rows: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
        """Copy the frames of `rows`, int64 [n], each put before, into `out`, C-contiguous uint8 [n, 7056]."""

    @property
    def nbytes(self) -> int:
        """Memory in use, in bytes."""


class Lz4Frames:
    """Each frame compressed alone: 4 to 28 times smaller, about 1.5 microseconds to write and 1 to read."""

    def __init__(self, capacity_rows: int) -> None:
        self._compressed = [b""] * capacity_rows
        self._object_bytes = 0

    def put(self, row: int, frame: NDArray[np.uint8]) -> None:
        new = lz4.block.compress(frame.tobytes(), mode="fast", acceleration=1, store_size=False)
        old = self._compressed[row]
        self._object_bytes += sys.getsizeof(new) - (sys.getsizeof(old) if old else 0)
        self._compressed[row] = new

    def gather(self, rows: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
        # A slice of a memoryview takes a frame in a third of the time that an array over the bytes needs.
        flat = out.reshape(-1).data
        for i, row in enumerate(rows.tolist()):
            frame = lz4.block.decompress(self._compressed[row], uncompressed_size=FRAME_BYTES)
            flat[i * FRAME_BYTES : (i + 1) * FRAME_BYTES] = frame

    @property
    def nbytes(self) -> int:
        return SLOT_BYTES * len(self._compressed) + self._object_bytes


class RawFrames:
    """One array, allocated whole; the system hands out its pages as rows are written for the first time."""

    def __init__(self, capacity_rows: int) -> None:
        self._frames = np.zeros((capacity_rows, FRAME_BYTES), dtype=np.uint8)

    def put(self, row: int, frame: NDArray[np.uint8]) -> None:
        self._frames[row] = frame.reshape(FRAME_BYTES)

    def gather(self, rows: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
        # numpy's default mode, "raise", would copy through a buffer and take twice as long.
        np.take(self._frames, rows, axis=0, out=out, mode="clip")

    @property
    def nbytes(self) -> int:
        return self._frames.nbytes


def build_frame_store(storage: Storage, capacity_rows: int) -> FrameStore:
    """Build the store that a setting of the machine names."""
    return RawFrames(capacity_rows) if storage == "raw" else Lz4Frames(capacity_rows)


def most_bytes(capacity_rows: int, storage: Storage) -> int:
    """Compute the most bytes that a full replay memory takes: frames and the arrays beside them; exact for raw."""
    frame = FRAME_BYTES if storage == "raw" else _lz4_bytes(MOST_LZ4_BYTES)
    return capacity_rows * (frame + ROW_BYTES)


def typical_bytes(capacity_rows: int, storage: Storage) -> tuple[int, int]:
    """Compute the bytes that a full replay memory typically takes: the least and the most of the games measured."""
    if storage == "raw":
        return most_bytes(capacity_rows, storage), most_bytes(capacity_rows, storage)
    low, high = (capacity_rows * (_lz4_bytes(mean) + ROW_BYTES) for mean in TYPICAL_LZ4_BYTES)
    return low, high


def storage_text(capacity_rows: int, storage: Storage) -> str:
    """Describe the size of a replay memory, in decimal units."""
    most = _size_text(most_bytes(capacity_rows, storage))
    if storage == "lz4":
        low, high = map(_size_text, typical_bytes(capacity_rows, storage))
        most = f"typically {low} to {high}, at most {most}"
    return f"replay memory: {capacity_rows:,} rows of 84x84 frames, {storage}: {most}"


def _lz4_bytes(compressed_bytes: int) -> int:
    """Compute the memory that a frame of this compressed size takes."""
    return compressed_bytes + OBJECT_BYTES + SLOT_BYTES


def _size_text(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.2f} GB" if size_bytes >= 1e8 else f"{size_bytes / 1e6:.1f} MB"
