"""Runs of two sites in one results folder: verified copies of what is missing, and what both manifests say.

A record is copied first and its line written after it. A merge that was killed between the two leaves a record whose
run is begun by the manifest; the next one finds it in its place and writes the line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from replication.commands.checked_copy import copy_checked, remove_leftovers
from replication.commands.verify_results import run_folders
from replication.evidence.manifest import Entry, adopt, latest, note, read_manifest
from replication.evidence.records import read_unchecked
from replication.foundation.errors import ReplicationError
from replication.foundation.git import left_out
from replication.foundation.processes import map_in_processes

_KEPT = ("older", "finished")
"""Events after which a record is there."""
_ENDED = "merge: a process that verified was ended from outside, for want of memory perhaps; give --cores 1"


def merge(other: Path, results: Path, processes: int) -> int:
    """Take the finished runs of another site that are missing here, and print a line for each.

    Args:
        other: root of the other results, which are only read.
        results: root of ours; the caller is the only one that merges into them.
        processes: runs verified at a time.

    Returns: exit code 0.
    Raises:
        ReplicationError: a manifest is damaged; runs were refused.
    """
    ours, theirs = read_manifest(results) or [], read_manifest(other) or []
    dropped = {entry.record for entry in ours if latest(ours)[entry.digest] == "discarded"}
    there = {folder.relative_to(other / "runs").as_posix() for folder in run_folders(other, ("runs",))}
    here = {record for record in there if (results / "runs" / record).exists()}
    missing = sorted(there - here - dropped)
    remove_leftovers(results)
    adopt(results, [entry for entry in theirs if entry.event not in _KEPT and entry.record not in dropped])
    _note_finished(other, results, theirs, here)
    taken, refused = 0, _lost(other, results, theirs, there)
    take = partial(_take, other, results)
    for record, reason in zip(missing, map_in_processes(take, missing, processes, ended=_ENDED), strict=True):
        if reason:
            refused.append(reason)
            continue
        _note_finished(other, results, theirs, [record])
        taken += 1
        print(f"taken, verified: {results / 'runs' / record}", flush=True)
    for record in sorted(there & dropped):
        print(f"not taken, discarded here: {record}")
    for record in sorted(here):
        if _scores(other, record) != _scores(results, record):
            print(f"here already, made there with other scores: {record}")
    for reason in refused:
        print(f"refused: {reason}")
    print(f"{taken} of {len(missing)} missing runs taken; {len(here)} were here already")
    if refused:
        raise ReplicationError(f"{other}: {len(refused)} runs refused, the first: {refused[0]}")
    return 0


def _take(other: Path, results: Path, record: str) -> str:
    """Copy a record and verify it; return why it was refused, or an empty text."""
    try:
        copy_checked(other / "runs" / record, other, results / "runs" / record, results)
    except ReplicationError as error:
        return str(error)
    return ""


def _note_finished(other: Path, results: Path, theirs: Sequence[Entry], records: Iterable[str]) -> None:
    """Write that these records are here: the lines of the other manifest, and ours for one that has none there."""
    noted = set(records)
    adopt(results, [entry for entry in theirs if entry.event in _KEPT and entry.record in noted])
    digests = {record: str(read_unchecked(results / "runs" / record)["result_digest"]) for record in sorted(noted)}
    note(results, "finished", digests)


def _lost(other: Path, results: Path, theirs: Sequence[Entry], there: set[str]) -> list[str]:
    """Say which runs the other manifest calls finished that lie neither there nor here, nor are left out of git."""
    said = latest(theirs)
    kept = {entry.record for entry in theirs if said[entry.digest] in _KEPT} - there
    gone = sorted(record for record in kept if not (results / "runs" / record).exists())
    ignored = {path.removeprefix("runs/") for path in left_out(results, [f"runs/{record}" for record in gone])}
    reason = "finished by the manifest, and not there; fetch it again, or say why it was dropped: replication discard"
    return [f"{other / 'runs' / record}: {reason}" for record in gone if record not in ignored]


def _scores(results: Path, record: str) -> bytes | None:
    path = results / "runs" / record / "scores.csv"
    return path.read_bytes() if path.is_file() else None
