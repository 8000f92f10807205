"""The file of a trace, whatever it is of: a header that says what was played, what was given, and a seal.

A file holds, in this order (integers little-endian):

    bytes   content
    8       magic: the ASCII letters RPLTRACE
    2       uint16: version of the format, 1
    4       uint32: number of bytes h of the header
    h       header: JSON, UTF-8, keys sorted, no spaces: {"episodes": [...], "header": {...}}
    ...     payload: one xz stream (LZMA2), up to the last 32 bytes of the file
    32      SHA-256 of everything before

Equal traces have equal bytes, as long as the same version of liblzma compresses them. What header and payload hold is
said where they are made: trace_file.py for games, step_trace.py for other tasks.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from replication.foundation.errors import ReplicationError
from replication.foundation.files import canonical_json
from replication.foundation.validation import Settings, SettingsT, validated

FORMAT_VERSION = 1

Purpose = Literal["final_evaluation", "periodic_evaluation", "training"]
Ending = Literal["terminated", "truncated", "unfinished"]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
"""First 16 hexadecimal digits of a SHA-256."""

_MAGIC = b"RPLTRACE"
_PREFIX = struct.Struct("<8sHI")
_SEAL_BYTES = 32
_UNPACKING_MEMORY_BYTES = 128 * 2**20


class RunFields(Settings):
    """The run that the episodes of a trace belong to."""

    variant: str
    protocol: str
    seed: Annotated[int, Field(ge=0)]
    purpose: Purpose
    result_digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """Digest of the run."""


def sealed_file(content: Settings, payload: bytes, lzma2: Mapping[str, int]) -> bytes:
    """Return the bytes of a file.

    Args:
        content: header and episodes.
        payload: not compressed yet.
        lzma2: how xz compresses it.
    """
    header = canonical_json(content.model_dump(mode="json"))
    filters = [{"id": lzma.FILTER_LZMA2, **lzma2}]
    compressed = lzma.compress(payload, lzma.FORMAT_XZ, check=lzma.CHECK_NONE, filters=filters)
    body = _PREFIX.pack(_MAGIC, FORMAT_VERSION, len(header)) + header + compressed
    return body + hashlib.sha256(body).digest()


def opened_file(model: type[SettingsT], data: bytes, path: Path) -> tuple[SettingsT, bytes]:
    """Check the bytes of a file up to its payload.

    Args:
        model: of its header and episodes.
        data: the whole file.
        path: names the file in messages.

    Returns: header and episodes, and the payload, still compressed.
    Raises:
        ReplicationError: the bytes are no trace of this kind, or a damaged one.
    """
    if data[: len(_MAGIC)] != _MAGIC:
        raise ReplicationError(f"{path}: not a trace: it begins with {data[: len(_MAGIC)]!r}, expected {_MAGIC!r}")
    if len(data) < _PREFIX.size + _SEAL_BYTES:
        raise ReplicationError(f"{path}: cut short: found {len(data)} bytes, expected 46 or more; fetch it again")
    _, version, header_bytes = _PREFIX.unpack_from(data)
    if version != FORMAT_VERSION:
        raise ReplicationError(f"{path}: version of the format: found {version}, this program reads {FORMAT_VERSION}")
    body, seal = data[:-_SEAL_BYTES], data[-_SEAL_BYTES:]
    found = hashlib.sha256(body).digest()
    if found != seal:
        raise ReplicationError(
            f"{path}: damaged or cut short: the content has SHA-256 {found.hex()[:12]}, expected {seal.hex()[:12]} "
            "(the file's last 32 bytes); fetch it again"
        )
    payload_start = _PREFIX.size + header_bytes
    if payload_start > len(body):
        raise ReplicationError(
            f"{path}: header length: found {header_bytes}, expected at most {len(body) - _PREFIX.size} bytes"
        )
    return _parse_header(model, body[_PREFIX.size : payload_start], path), body[payload_start:]


def decompressed(payload: bytes, most_bytes: int, path: Path) -> bytes:
    """Decompress a payload, and no more than the header's counts allow.

    Raises:
        ReplicationError: it is not one whole xz stream of at most so many bytes.
    """
    try:
        unpacking = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_UNPACKING_MEMORY_BYTES)
        raw = unpacking.decompress(payload, max_length=most_bytes + 1)
    except lzma.LZMAError as error:
        raise ReplicationError(f"{path}: payload: not readable as xz ({error})") from None
    if len(raw) > most_bytes or not unpacking.eof or unpacking.unused_data:
        raise ReplicationError(f"{path}: payload: expected one whole xz stream of at most {most_bytes} bytes")
    return raw


def read_bytes(path: Path) -> bytes:
    """Read the file of a trace.

    Raises:
        ReplicationError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReplicationError(f"{path}: cannot be read ({error.strerror}); expected the file of a trace") from None


def _parse_header(model: type[SettingsT], data: bytes, path: Path) -> SettingsT:
    try:
        plain: Any = json.loads(data.decode())
        return validated(model, plain, path, "header")
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ReplicationError(f"{path}: header: expected JSON, found something else ({reason})") from None
