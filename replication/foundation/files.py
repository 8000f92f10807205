"""Files that are whole or absent: written beside, flushed to disk, renamed. And digests of their content."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from replication.foundation.errors import ReplicationError


def write_atomically(path: Path, data: bytes) -> None:
    """Replace `path` by a file that holds `data`, or leave it as it was.

    Raises:
        ReplicationError: the disk is full, or the folder cannot be written.
    """
    beside = part_of(path)
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


def listed(folder: Path, pattern: str) -> list[Path]:
    """List the files of a folder by name; those that begin with a dot are an editor's or the system's, not ours."""
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))


def ensure_folder(folder: Path, mending: str) -> None:
    """Make a folder and check that files can be written there, before hours of work and not after them.

    Raises:
        ReplicationError: they cannot; `mending` says what to do.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ReplicationError(f"{folder}: cannot be written ({error.strerror}); {mending}") from None


def part_of(path: Path) -> Path:
    """Return where `path` is written before it is renamed: a hidden name beside it, another one each time."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")


def remove_parts(folder: Path) -> None:
    """Remove what writes that were killed left below `folder`; the caller is the only one that writes there.

    Raises:
        ReplicationError: a leftover cannot be removed.
    """
    try:
        for part in list(folder.rglob(".*.part")):
            if part.is_dir():
                shutil.rmtree(part)
            else:
                part.unlink(missing_ok=True)
    except OSError as error:
        raise ReplicationError(
            f"{folder}: the leftovers of an earlier run cannot be removed ({error.strerror}); allow writing there"
        ) from None


def canonical_json(content: Any) -> bytes:
    """Write plain data in the one spelling that is digested: sorted keys, no spaces, UTF-8."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def readable_json(content: Any) -> bytes:
    """Write plain data with sorted keys and indented, for files that people read too."""
    return (json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def csv_bytes(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Write rows of equal keys as CSV: an empty cell for None, the shortest exact spelling of numbers."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def plain(content: Any) -> Any:
    """Replace bytes and arrays by plain data, so that JSON can hold them."""
    import numpy as np  # only here: plans are made without it

    if isinstance(content, bytes):
        return {"bytes": base64.b64encode(content).decode()}
    if isinstance(content, np.ndarray):
        data = base64.b64encode(np.ascontiguousarray(content).tobytes()).decode()
        return {"array": data, "dtype": str(content.dtype), "shape": list(content.shape)}
    if isinstance(content, dict):
        return {str(key): plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [plain(value) for value in content]
    if isinstance(content, np.generic):
        return content.item()
    return content


def rich(content: Any) -> Any:
    """Restore the bytes and arrays that `plain` replaced.

    Raises:
        ValueError, TypeError: it did not come from `plain`.
    """
    import numpy as np

    if isinstance(content, dict) and set(content) == {"bytes"}:
        return base64.b64decode(content["bytes"], validate=True)
    if isinstance(content, dict) and set(content) == {"array", "dtype", "shape"}:
        data = base64.b64decode(content["array"], validate=True)
        return np.frombuffer(data, dtype=content["dtype"]).reshape(content["shape"]).copy()
    if isinstance(content, dict):
        return {key: rich(value) for key, value in content.items()}
    if isinstance(content, list):
        return [rich(value) for value in content]
    return content


def sha256(data: bytes) -> str:
    """Return the SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _flush_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the file system can: not all of them flush a folder."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
