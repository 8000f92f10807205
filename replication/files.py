"""Files that are whole or absent: written beside, flushed to disk, renamed. And digests of their content."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from replication.errors import ReplicationError


def write_atomically(path: Path, data: bytes) -> None:
    """Replace `path` by a file that holds `data`, or leave it as it was.

    Raises:
        ReplicationError: the disk is full, or the folder cannot be written.
    """
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise ReplicationError(
            f"{path}: could not be written ({error.strerror}); make room or allow writing there, then run again"
        ) from None


def canonical_json(content: Any) -> bytes:
    """The one spelling of plain data that is digested: sorted keys, no spaces, UTF-8."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def readable_json(content: Any) -> bytes:
    """Sorted and indented, for files that people read too."""
    return (json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def sha256(data: bytes) -> str:
    """64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _flush_folder(folder: Path) -> None:
    """Make a rename survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
