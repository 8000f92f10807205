"""What lies on disk of a run, read without torch or pandas: its record, and how far its checkpoints go."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from replication.errors import ReplicationError
from replication.runs import Run


def record_path(run: Run, results: Path) -> Path:
    """The file that says a run is finished: it is written last."""
    return run.results_folder(results) / "run.json"


def read_record(run: Run, results: Path) -> dict[str, Any] | None:
    """The record of a finished run; None where it is not finished.

    Raises:
        ReplicationError: the file is no run record, or that of another run.
    """
    path = record_path(run, results)
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_bytes())
        found = record["result_digest"]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ReplicationError(f"{path}: not a run record ({error}); remove {path.parent} to make it again") from None
    if found != run.result_digest:
        raise ReplicationError(
            f"{path}: result_digest: found {str(found)[:12]}, expected {run.result_digest[:12]}; the results of "
            "another run: move them away"
        )
    return dict(record)


def unfinished(runs: Iterable[Run], results: Path) -> list[Run]:
    """The runs that have no record yet.

    Raises:
        ReplicationError: a record that is there is not its run's.
    """
    return [run for run in runs if read_record(run, results) is None]


def checkpoint_step(run: Run, state: Path) -> int:
    """Agent steps that the newest checkpoint of a run has behind it; 0 where there is none."""
    folders = run.state_folder(state).glob("checkpoint_*")
    return max((int(folder.name.removeprefix("checkpoint_")) for folder in folders), default=0)
