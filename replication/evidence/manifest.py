"""The manifest of a results folder: each run that was begun, and what became of it. Nothing is ever taken out.

A line is an event, in JSON, and holds the digest of the line before it, so that no line can be changed, added or taken
out in the middle without every later one showing it. Records that lay there before the manifest was begun are listed
as `older`: of them it cannot say what was dropped.

    older       the record was there before the manifest
    begun       a training or an evaluation began, for the first time or after it failed or was discarded
    finished    its record was written
    failed      it cannot go on, and why
    discarded   its record was taken away, and why
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

from replication.evidence.provenance import git_commit
from replication.evidence.records import read_unchecked
from replication.foundation.errors import ReplicationError
from replication.foundation.files import canonical_json, sha256
from replication.foundation.locks import held
from replication.specification.run import Run

NAME = "manifest.jsonl"
Event = Literal["older", "begun", "finished", "failed", "discarded"]
_FIRST = "0" * 64
"""What the first line has for the line before it."""
_WAIT_SECONDS = 30.0
"""A line takes a moment; hundreds of processes may be waiting for theirs."""


@dataclass(frozen=True)
class Entry:
    """A line of the manifest."""

    event: Event
    record: str
    """The folder of the record, below `runs`: VARIANT/TASK/SEED/DIGEST."""
    digest: str
    """SHA-256 of what names the run, its result digest."""
    commit: str
    """Of the program that noted it."""
    reason: str
    """Why it failed or was discarded; else empty."""
    origin: str | None
    """The digest of the line of another manifest in which it was first written, if it was copied."""
    own: str
    """The digest of this line."""


def read_manifest(results: Path) -> list[Entry] | None:
    """Read the manifest of a results folder, and check that each line follows from the one before it.

    Returns: its lines in order; None where there is no manifest.
    Raises:
        ReplicationError: it cannot be read; a line was changed, or others were taken out or put in before it.
    """
    path = results / NAME
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ReplicationError(f"{path}: cannot be read ({error.strerror}); allow reading it") from None
    entries: list[Entry] = []
    before = _FIRST
    for number, line in enumerate(data.split(b"\n")[:-1], start=1):  # what follows the last newline is no line
        entries.append(_entry(line, before, f"{path}: line {number}"))
        before = entries[-1].own
    return entries


def note_runs(results: Path, event: Event, runs: Iterable[Run], reason: str = "") -> None:
    """Add an event of each run; see `note`."""
    note(results, event, {run.place.as_posix(): run.record_digest for run in runs}, reason)


def note(results: Path, event: Event, records: Mapping[str, str], reason: str = "") -> None:
    """Add an event of each record, unless it is what the manifest says of that record already.

    Args:
        results: root of the results, whose `manifest.jsonl` it is; begun where it is missing.
        event: what happened.
        records: folder below `runs`, and result digest.
        reason: of a failure, or of a record that was discarded.

    Raises:
        ReplicationError: the manifest is damaged, or cannot be written.
    """
    with _locked(results):
        entries = _begun_manifest(results)
        said = latest(entries)
        for record, digest in records.items():
            known = said.get(digest)
            if known != event and not (event == "finished" and known == "older"):
                _append(results, entries, _content(event, record, digest, reason, None))


def adopt(results: Path, others: Iterable[Entry]) -> None:
    """Copy lines of another manifest that this one lacks, such as those of a queue; their commits stay.

    A line that both have from a common beginning, or that went from one to the other before, is not lacking.

    Raises:
        ReplicationError: the manifest is damaged, or cannot be written.
    """
    with _locked(results):
        entries = _begun_manifest(results)
        there = {name for entry in entries for name in (entry.own, entry.origin)}
        for other in others:
            origin = other.origin or other.own
            if not {other.own, origin} & there:
                content = _content(other.event, other.record, other.digest, other.reason, origin)
                _append(results, entries, content | {"commit": other.commit})


def latest(entries: Iterable[Entry]) -> dict[str, Event]:
    """Return the last event of each run, by its result digest."""
    return {entry.digest: entry.event for entry in entries}


def count_events(entries: Sequence[Entry], digests: Iterable[str]) -> Counter[Event]:
    """Count the events of these runs, every one of them: a run that failed and was tried again has two begun."""
    named = set(digests)
    return Counter(entry.event for entry in entries if entry.digest in named)


def events_in_words(counted: Mapping[Event, int]) -> str:
    """Write how often each event was noted."""
    words = {"older": "{} older than the manifest", **{event: "{} " + event for event in get_args(Event)[1:]}}
    return ", ".join(text.format(counted[event]) for event, text in words.items() if counted.get(event))


def check_manifest(results: Path, folders: Sequence[Path], left_out: Sequence[str] = ()) -> int | None:
    """Check that each record has its line, and each finished line its record.

    Args:
        results: root of the results.
        folders: of the records below its `runs`.
        left_out: records that may be missing, since git is told to leave them out.

    Returns: lines read; None where there is no manifest.
    Raises:
        ReplicationError: the first record without a line, or line without a record; the manifest is damaged, or its
            last line is not of the record that it names.
    """
    entries = read_manifest(results)
    if entries is None:
        return None
    path, said = results / NAME, latest(entries)
    # No line follows the last one and holds it: its record does.
    if entries and (folder := results / "runs" / entries[-1].record) in folders:
        of_record = _digest_of(folder)
        if entries[-1].digest != of_record:
            raise ReplicationError(
                f"{path}: line {len(entries)}: digest: found {entries[-1].digest[:12]}, its record has "
                f"{of_record[:12]}: the line was changed; fetch the file again"
            )
    there = {folder.relative_to(results / "runs").as_posix() for folder in folders}
    finished = {entry.record for entry in entries if said[entry.digest] in ("older", "finished")}
    if unlisted := sorted(there - finished):
        raise ReplicationError(
            f"{path}: found no line that says that runs/{unlisted[0]} is finished, expected one for each record; train "
            "it with the same command once more, which notes it, or take the folder away"
        )
    if lost := sorted(finished - there - set(left_out)):
        raise ReplicationError(
            f"{path}: runs/{lost[0]} is finished and is not here; fetch it again, or say why it was dropped: "
            f"python -m replication discard {lost[0]} --reason ..."
        )
    return len(entries)


def _content(event: Event, record: str, digest: str, reason: str, origin: str | None) -> dict[str, Any]:
    content = {"event": event, "record": record, "digest": digest, "commit": git_commit()}
    return content | ({"reason": reason} if reason else {}) | ({"origin": origin} if origin else {})


def _begun_manifest(results: Path) -> list[Entry]:
    """Read the manifest; where there is none, begin it with the records that are there. The lock is held."""
    path, entries = results / NAME, read_manifest(results)
    if entries is not None:
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)  # a writer may have been killed before its line ended
        return entries
    entries = []
    for folder in sorted(path.parent for path in (results / "runs").glob("*/*/seed*/*/run.json")):
        record = folder.relative_to(results / "runs").as_posix()
        _append(results, entries, _content("older", record, _digest_of(folder), "", None))
    return entries


def _digest_of(folder: Path) -> str:
    try:
        return str(read_unchecked(folder)["result_digest"])
    except (OSError, ValueError, KeyError, TypeError):
        raise ReplicationError(f"{folder / 'run.json'}: not the record of a run; fetch it again") from None


def _append(results: Path, entries: list[Entry], content: dict[str, Any]) -> None:
    """Write a line, so that it is on the disk before anything else happens, and add it to the entries."""
    path = results / NAME
    before = entries[-1].own if entries else _FIRST
    line = canonical_json(content | {"before": before})
    try:
        results.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ReplicationError(f"{path}: cannot be written ({error.strerror}); make room or allow it") from None
    entries.append(_entry(line, before, str(path)))


def _entry(line: bytes, before: str, where: str) -> Entry:
    try:
        content = json.loads(line)
        found = Entry(
            content["event"],
            str(PurePosixPath(content["record"])),
            str(content["digest"]),
            str(content["commit"]),
            str(content.get("reason", "")),
            content.get("origin"),
            sha256(line),
        )
        follows = content["before"] == before
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ReplicationError(f"{where}: not a line of a manifest; fetch the file again") from None
    if found.event not in get_args(Event):
        raise ReplicationError(f"{where}: event: found {found.event!r}, expected one of {', '.join(get_args(Event))}")
    if not follows:
        raise ReplicationError(
            f"{where}: does not follow from the line before it: lines were changed, taken out or put in; fetch the "
            "file again"
        )
    return found


def _locked(results: Path) -> AbstractContextManager[None]:
    """Lock the manifest for the writing of lines."""
    refusal = f"{results / NAME}: another process has been writing it for {_WAIT_SECONDS:g} s; try again"
    return held(results / "logs" / "manifest.lock", refusal, wait_seconds=_WAIT_SECONDS)
