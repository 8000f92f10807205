"""Records that were made elsewhere: copied beside the others, checked there, and only then put in their place."""

from __future__ import annotations

import shutil
from pathlib import Path

from replication.foundation.errors import ReplicationError
from replication.foundation.files import ensure_folder, part_of, write_atomically

_STAGING = "copied"


def remove_leftovers(results: Path) -> None:
    """Remove what copies that were killed left in a results folder; the caller is the only one that copies there."""
    for leftover in results.glob(f".{_STAGING}.*.part"):
        shutil.rmtree(leftover)


def copy_checked(source: Path, root: Path, target: Path, results: Path) -> None:
    """Copy the folder of one record beside the others, verify the copy there, and rename it into its place.

    Args:
        source: the folder.
        root: of the results it lies in.
        target: where it goes, which is not there.
        results: root of the results that the target lies in.

    Raises:
        ReplicationError: the copy does not verify, or cannot be written; nothing of it is left.
    """
    from replication.commands.verify_results import by_evidence, check_records  # pandas and the emulator

    ensure_folder(results, "name another with --results")
    staging = part_of(results / _STAGING)
    copy = staging / target.relative_to(results)
    try:
        for file in sorted(source.iterdir()):
            if not file.name.startswith("."):
                write_atomically(copy / file.name, file.read_bytes())
        check_records(*by_evidence([copy]), 1, learn_again=False, quiet=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        copy.rename(target)
    except ReplicationError as error:
        raise ReplicationError(str(error).replace(str(staging), str(root))) from None
    except OSError as error:
        raise ReplicationError(
            f"{target}: could not be written ({error.strerror}); make room or allow it, then give the command again"
        ) from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
