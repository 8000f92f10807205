"""The files by which Snakemake knows that a job is done. They say nothing else, and are nobody's results.

Snakemake deletes the declared outputs of a job that fails, is stopped or was killed, and those of a job that it starts.
A record is worth hours, so it is no output of any rule: the job that makes it declares a marker, written after it. A
finished run is known by its record alone, on this machine or in a clone; its marker matters only until Snakemake ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from replication.foundation.errors import ReplicationError
from replication.specification.run import Run

ENDING = ".finished"


def run_marker(run: Run, results: Path) -> str:
    """Return the marker of the job that makes a run alone."""
    return _in_logs("runs", run, results)


def views_marker(run: Run, results: Path) -> str:
    """Return the marker of the job that embeds and films a finished run."""
    return _in_logs("views", run, results)


def cohort_marker(name: str, results: Path) -> str:
    """Return the marker of the job that makes the runs of a cohort."""
    return str(results / "logs" / "cohorts" / f"{name}{ENDING}")


def markers_there(results: Path) -> frozenset[str]:
    """Find all markers in a results folder."""
    return frozenset(str(path) for path in (results / "logs").rglob(f"*{ENDING}"))


def remove_markers(stale: Iterable[str]) -> None:
    """Remove the markers of jobs that are to be done again, since what they made is gone.

    Raises:
        ReplicationError: one cannot be removed.
    """
    for marker in stale:
        try:
            Path(marker).unlink(missing_ok=True)
        except OSError as error:
            raise ReplicationError(
                f"{marker}: a leftover of a run that is no longer there, cannot be removed ({error.strerror}); allow "
                "writing there"
            ) from None


def _in_logs(kind: str, run: Run, results: Path) -> str:
    return f"{results / 'logs' / kind / run.place}{ENDING}"
