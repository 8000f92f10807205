"""The command `discard`: take a finished run out of the results, with a reason that stays in the manifest."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from replication.foundation.errors import ReplicationError

HELP = "take a finished run out of the results, with a reason that stays"
DESCRIPTION = (
    "Remove the record of a finished run and note in manifest.jsonl why. What was run and dropped stays known: pages "
    "count it, and `verify` demands the reason."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `discard`."""
    parser.add_argument("record", type=Path, help="its folder, or VARIANT/TASK/SEED/DIGEST")
    parser.add_argument("--reason", required=True, help="why, in a few words")
    parser.add_argument("--results", type=Path, default=Path("results"), help="of which it is taken out")


def run(options: argparse.Namespace) -> int:
    """Note the reason, then remove the folder; given again after an interruption, the same command ends it.

    Returns: exit code 0.
    Raises:
        ReplicationError: the manifest knows no such record, or it cannot be removed; no reason.
    """
    from replication.evidence.manifest import NAME, latest, note, read_manifest

    if not options.reason.strip():
        raise ReplicationError("--reason: found nothing, expected why the run is dropped")
    runs = options.results.resolve() / "runs"
    path = options.record.resolve()
    record = (path.relative_to(runs) if path.is_relative_to(runs) else options.record).as_posix()
    digests = [entry.digest for entry in read_manifest(options.results) or [] if entry.record == record]
    if not digests:
        raise ReplicationError(f"{options.results / NAME}: knows no record {record}; expected VARIANT/TASK/SEED/DIGEST")
    if latest(read_manifest(options.results) or [])[digests[-1]] not in ("older", "finished", "discarded"):
        raise ReplicationError(
            f"{record}: is not finished, so there is nothing to discard; its state holds what it has"
        )
    note(options.results, "discarded", {record: digests[-1]}, options.reason.strip())
    try:
        shutil.rmtree(runs / record, ignore_errors=False)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise ReplicationError(f"{runs / record}: cannot be removed ({error.strerror}); allow writing there") from None
    print(f"{record}: discarded; {NAME} says why")
    return 0
