"""A check that runs are still those that were planned: settings may be edited while other runs train."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from replication.evidence.records import unfinished
from replication.foundation.errors import ReplicationError
from replication.specification.loading import variant_path
from replication.specification.run import Run

_DIGEST = re.compile(r"[0-9a-f]{12,64}")


def refuse_changed(runs: Sequence[Run], expected: Sequence[str], results: Path) -> None:
    """Compare runs that are about to be trained with those that were planned.

    Args:
        runs: with the settings there are now; those that are finished need not have been planned.
        expected: result digests of the planned ones, or their first 12 digits or more.
        results: root of the results.

    Raises:
        ReplicationError: the settings of a run are not those it was planned with; an argument is no digest.
    """
    for digest in expected:
        if not _DIGEST.fullmatch(digest):
            raise ReplicationError(
                f"--expect: found {digest!r}, expected 12 to 64 hexadecimal digits of a result digest"
            )
    gone = [digest[:12] for digest in expected if not any(run.record_digest.startswith(digest) for run in runs)]
    others = [run for run in runs if not any(run.record_digest.startswith(digest) for digest in expected)]
    changed = others if gone else unfinished(others, results)
    if not changed:
        if gone:
            raise ReplicationError(f"--expect: found {', '.join(gone)}, expected digests of the runs that are named")
        return
    found = ", ".join(f"{run.name} {run.record_digest[:12]}" for run in changed)
    raise ReplicationError(
        f"settings: found {found}, expected {', '.join(gone) or 'no such run'} as planned; {_sources(changed[0])} or "
        "the numerics version has changed since: give the command that planned this again"
    )


def _sources(run: Run) -> str:
    """List the files that the settings of a run come from."""
    files = [f"workflow/protocols/{run.protocol.protocol}.yaml"]
    files += [f"workflow/presets/{run.preset.preset}.yaml"] if run.preset else []
    settings = variant_path(run.variant.variant)
    own = str(settings) if run.variant.lies_elsewhere else f"workflow/algorithms/{settings.name}"
    return ", ".join([own, *files])
