"""Bringing finished runs from the queue into a work tree: copied, checked, and only then put in their place."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from replication.commands.queue.folder import QueueFolder
from replication.evidence.manifest import NAME, adopt, note, read_manifest
from replication.evidence.records import read_unchecked
from replication.foundation.errors import ReplicationError
from replication.foundation.files import ensure_folder, part_of, write_atomically
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
        for leftover in results.glob(".collected.*.part"):  # of a command that was killed
            shutil.rmtree(leftover)
        adopt(results, began)
        for source in missing:
            target = results / source.relative_to(folder.results)
            try:
                _copy_checked(source, folder.results, target, results)
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


def _copy_checked(source: Path, root: Path, target: Path, results: Path) -> None:
    """Copy one folder beside the others, check the copy there, and rename it into its place.

    Raises:
        ReplicationError: the copy does not verify, or cannot be written; nothing of it is left.
    """
    from replication.commands.verify_results import check_runs  # the emulator and pandas are loaded by it

    ensure_folder(results, "name another with --results")
    staging = part_of(results / "collected")
    copy = staging / target.relative_to(results)
    try:
        for file in sorted(source.iterdir()):
            if not file.name.startswith("."):
                write_atomically(copy / file.name, file.read_bytes())
        check_runs([copy], 1, quiet=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        copy.rename(target)
    except ReplicationError as error:
        raise ReplicationError(str(error).replace(str(staging), str(root))) from None
    except OSError as error:
        raise ReplicationError(
            f"{target}: could not be written ({error.strerror}); make room or allow it, then collect again"
        ) from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
