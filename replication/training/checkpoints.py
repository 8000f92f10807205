"""Checkpoints that a killed run continues from, exactly.

A checkpoint is a folder, written beside and renamed: the files that the run's family says, and a manifest that holds
the digest of each.
"""

from __future__ import annotations

import json
import shutil
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import Field

from replication.evidence.state_files import checkpoints
from replication.foundation.errors import ReplicationError, reason_of
from replication.foundation.files import part_of, readable_json, sha256, write_atomically
from replication.foundation.validation import Settings, validated
from replication.training.contract import Trainee

VERSION = 1
KEPT = 2
"""Checkpoints on disk; the older one serves if the newer one is damaged."""


class _CannotBeReadError(ReplicationError):
    """A file that may well be whole but cannot be read: its checkpoint is not set aside."""


class _Manifest(Settings):
    """manifest.json."""

    version: int
    training_digest: str
    step: Annotated[int, Field(ge=0, lt=2**40)]
    sha256: dict[str, str]
    seconds: Annotated[float, Field(ge=0, lt=2**40)] | None = None
    """Of training up to here; older checkpoints have it in a file of their family, or nowhere."""
    code: str | None = None
    """Digest of the algorithm's code that was trained; older checkpoints have none."""


def save_checkpoint(trainee: Trainee, folder: Path) -> Path:
    """Write a checkpoint of a run between two turns of its training, and drop all but the newest two.

    Returns: its folder.
    Raises:
        ReplicationError: it cannot be written; earlier checkpoints are untouched.
    """
    final = folder / f"checkpoint_{trainee.step:010d}"
    if final.exists():
        try:
            if trainee.is_stored_in(_read(final, trainee), final):
                return final
        except ReplicationError as error:
            _set_aside(final, error)
    files = trainee.checkpoint_files()
    for name, data in trainee.state_files().items():
        write_atomically(folder / name, data)
    manifest = {
        "version": VERSION,
        "training_digest": trainee.run.training_digest,
        "step": trainee.step,
        "sha256": {name: sha256(data) for name, data in files.items()},
        "seconds": trainee.seconds,
        "code": trainee.run.variant.code,
    }
    beside, replaced = part_of(final), part_of(final)
    try:
        for name, data in files.items():
            write_atomically(beside / name, data)
        write_atomically(beside / "manifest.json", readable_json(manifest))
        if final.exists():
            final.rename(replaced)
        beside.rename(final)
        for old in checkpoint_folders(folder)[:-KEPT]:
            shutil.rmtree(old)
    except OSError as error:
        raise ReplicationError(
            f"{final}: could not be written ({error.strerror}); make room or allow writing there, then run again"
        ) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)
    return final


def checkpoint_folders(folder: Path) -> list[Path]:
    """List the checkpoints of a run, oldest first, without leftovers of interrupted writes."""
    return [path for _, path in checkpoints(folder)]


def restore_newest(trainee: Trainee, folder: Path, check: Callable[[], object] = lambda: None) -> int | None:
    """Continue a run from its newest usable checkpoint, which must not lie beyond the run's budget.

    A damaged checkpoint is set aside: renamed, never deleted.

    Args: `check` is called again and again meanwhile; it may raise.
    Returns: its step, or None where there is no checkpoint.
    Raises:
        ReplicationError: there are checkpoints, but none is whole and of this run; or a file cannot be read.
    """
    found = checkpoint_folders(folder)
    unplayable: list[tuple[Path, ReplicationError]] = []
    for path in reversed(found):
        try:
            manifest, files = _read_with_manifest(path, trainee)
            stored = trainee.read_checkpoint(files, path)
        except _CannotBeReadError:
            raise
        except ReplicationError as error:
            _set_aside(path, error)
            continue
        try:
            trainee.restore(stored, path, check)
        except ReplicationError as error:
            unplayable.append((path, error))
            continue
        for other, why in unplayable:
            _set_aside(other, why)
        if manifest.seconds is not None:
            trainee.seconds = manifest.seconds
        return trainee.step
    if unplayable:  # perhaps of another version of the emulator: they stay, for the version that wrote them
        raise unplayable[0][1]
    if found:
        raise ReplicationError(
            f"{folder}: no checkpoint is whole, they are set aside as damaged_*; put a whole one back under its name, "
            "or run again to train from the start"
        )
    return None


def _set_aside(path: Path, why: ReplicationError) -> None:
    """Rename a damaged checkpoint, so that it is neither used nor lost."""
    print(f"warning: {why}; set aside", file=sys.stderr)
    try:
        path.rename(path.with_name(f"damaged_{path.name}_{uuid.uuid4().hex[:8]}"))
    except OSError as error:
        raise ReplicationError(f"{path}: cannot be set aside ({error.strerror}); allow writing there") from None


def _read(path: Path, trainee: Trainee) -> dict[str, bytes]:
    """Read all files of a checkpoint and check them against its manifest."""
    return _read_with_manifest(path, trainee)[1]


def _read_with_manifest(path: Path, trainee: Trainee) -> tuple[_Manifest, dict[str, bytes]]:
    """Read the manifest of a checkpoint, and all its files, which are checked against it."""
    names, run = trainee.checkpoint_names, trainee.run
    place = path / "manifest.json"
    try:
        manifest = validated(_Manifest, json.loads(_read_bytes(place)), place)
    except (ValueError, RecursionError) as error:
        raise ReplicationError(f"{place}: not readable as JSON ({reason_of(error)})") from None
    if manifest.version != VERSION:
        raise ReplicationError(f"{place}: version: found {manifest.version}, this program reads {VERSION}")
    if manifest.training_digest != run.training_digest:
        raise ReplicationError(f"{place}: training_digest: another run's ({manifest.training_digest[:12]!r})")
    if set(manifest.sha256) != names:
        raise ReplicationError(f"{place}: sha256: found {sorted(manifest.sha256)}, expected {sorted(names)}")
    files = {name: _read_bytes(path / name) for name in sorted(names)}
    for name, data in files.items():
        if sha256(data) != manifest.sha256[name]:
            raise ReplicationError(f"{path}/{name}: its digest is not the manifest's; the file is damaged")
    return manifest, files


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise ReplicationError(f"{path}: missing; not a whole checkpoint") from None
    except OSError as error:
        raise _CannotBeReadError(f"{path}: cannot be read ({error.strerror}); allow it, then run again") from None
