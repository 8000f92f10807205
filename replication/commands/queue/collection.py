"""Bringing finished runs from the queue into a work tree: copied, checked, and only then put in their place."""

from __future__ import annotations

import shlex
from pathlib import Path

from replication.commands.checked_copy import copy_checked, remove_leftovers
from replication.commands.queue.folder import QueueFolder
from replication.evidence.manifest import NAME, adopt, note, read_manifest
from replication.evidence.records import read_unchecked
from replication.foundation.errors import ReplicationError
from replication.foundation.locks import held


def collect(folder: QueueFolder, results: Path) -> int:
    """Copy finished runs that a results folder lacks, playing every trace again; what is there is never touched.

    Args:
        folder: of the queue; its files stay.
        results: root of the results of a work tree.

    Returns: exit code, 0.
    Raises:
        ReplicationError: a run that does not verify, which is not copied; the others are.
    """
    sources = sorted(path.parent for path in (folder.results / "runs").glob("*/*/seed*/*/run.json"))
    missing = [source for source in sources if not (results / source.relative_to(folder.results)).exists()]
    began = [entry for entry in read_manifest(folder.results) or [] if entry.event not in ("older", "finished")]
    collected, refused = [], []
    with held(folder.root / "collect.lock", f"{folder.root}: another `queue collect` is at work; wait for it"):
        remove_leftovers(results)
        adopt(results, began)
        for source in missing:
            target = results / source.relative_to(folder.results)
            try:
                copy_checked(source, folder.results, target, results)
            except ReplicationError as error:
                refused.append(str(error))
                print(f"not collected: {error}", flush=True)
            else:
                collected.append(target)
                digest = str(read_unchecked(target)["result_digest"])
                note(results, "finished", {target.relative_to(results / "runs").as_posix(): digest})
                print(f"verified: {target}", flush=True)
    there = len(sources) - len(missing)
    print(f"{len(collected)} of {len(missing)} finished runs collected; {there} were there already")
    if collected:
        to_commit = [*collected, results / NAME]
        print("to commit:", *(f"  git add {shlex.quote(str(path))}" for path in to_commit), sep="\n")
    if refused:
        raise ReplicationError(
            f"{len(refused)} of {len(missing)} finished runs do not verify, the first: {refused[0]}; move them out of "
            f"{folder.results}, their checkpoints make them again"
        )
    return 0
