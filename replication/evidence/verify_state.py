"""The check of files that a record vouches for and does not hold: they stay with the state of training.

Whoever has them can prove that they are those of the run. Of a run whose last training episodes are scored they are the
traces of all its episodes, from which every point of its training curve follows. Of a run that is scored by its
evaluations during training they are the traces of all of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replication.evidence import records
from replication.evidence.compare_tables import compare_csv, compare_rows
from replication.evidence.episode_log import CHAPTERS
from replication.evidence.scores import curve_points_frames, kept_rows, last_episodes_rows, score
from replication.evidence.state_files import evaluation_name
from replication.evidence.step_trace import read_step_trace
from replication.evidence.trace_file import read_trace
from replication.foundation.errors import ReplicationError
from replication.foundation.files import csv_bytes, sha256
from replication.foundation.validation import validated
from replication.specification.protocols import PeriodicEvaluation
from replication.specification.scored_points import TrainingScore


@dataclass(frozen=True)
class CheckedState:
    """Counts of what was checked."""

    found: int = 0
    """Files that are those of the record."""
    missing: int = 0
    cells: int = 0
    """Of training curves, derived from all episodes or evaluations."""

    def __add__(self, other: CheckedState) -> CheckedState:
        return CheckedState(self.found + other.found, self.missing + other.missing, self.cells + other.cells)

    def __str__(self) -> str:
        total = self.found + self.missing
        files = f"{self.found:,} of the {total:,} files that records vouch for are here, unchanged"
        curves = f"; {self.cells:,} cells of training curves derived from all that was played" if self.cells else ""
        return f"state of training: {files}{curves}"


def check_states(folders: Sequence[Path], state: Path) -> CheckedState:
    """Compare the files in a state with the digests that records have of them; those that are not there are counted.

    Args:
        folders: of the records.
        state: root of the state of training.

    Raises:
        ReplicationError: the first file that is another one, or a cell of a training curve.
    """
    return sum((check_state(folder, state) for folder in folders), CheckedState())


def check_state(folder: Path, state: Path) -> CheckedState:
    """Compare the files of one run, and derive its training curve where all its episodes are there.

    Raises:
        ReplicationError: the first file that is another one, or a cell of the curve.
    """
    record = records.read(folder)
    vouched = {str(name): str(digest) for name, digest in record.get("in_state", {}).items()}
    place = state / records.state_place(record)
    here = [name for name in sorted(vouched) if (place / name).is_file()]
    for name in here:
        if sha256((place / name).read_bytes()) != vouched[name]:
            raise ReplicationError(
                f"{place / name}: its digest is not the one in {folder}/run.json: changed, or of another training"
            )
    chapters = [name for name in sorted(vouched) if name.startswith(f"{CHAPTERS}/")]
    whole = bool(chapters) and set(chapters) <= set(here)
    cells = _derive_curve(record, folder, [place / name for name in chapters]) if whole else 0
    if record["protocol_settings"].get("evaluation_score") is not None:
        cells += _derive_evaluations(record, folder, place)
    return CheckedState(len(here), len(vouched) - len(here), cells)


def _derive_evaluations(record: dict[str, Any], folder: Path, place: Path) -> int:
    """Derive the points of all evaluations during training, where their traces are there; none is played again."""
    settings = record["protocol_settings"]["periodic_evaluation"]
    periodic = validated(PeriodicEvaluation, settings, folder / "run.json", "periodic_evaluation")
    first = 0 if periodic.at_start else periodic.period_steps
    steps = range(first, record["budget"]["steps"] + 1, periodic.period_steps)
    if not all((place / evaluation_name(step)).is_file() for step in steps):
        return 0
    points = []
    for step in steps:
        trace = read_step_trace(place / evaluation_name(step))
        points.append({"step": step, "score": score(trace), "episodes": len(trace.episodes)})
    cells, left = compare_rows(folder / "curve.csv", "step", points)
    if left:
        raise ReplicationError(f"{folder / 'curve.csv'}: found {len(points) + left} rows, derived {len(points)}")
    return cells


def _derive_curve(record: dict[str, Any], folder: Path, chapters: Sequence[Path]) -> int:
    """Derive a training curve from the returns of all episodes; only those of the record itself are played again."""
    settings = record["protocol_settings"]
    scored = validated(TrainingScore, settings["training_score"], folder / "run.json", "training_score")
    traces = [read_trace(path) for path in chapters]
    rows = [row for trace in traces for row in kept_rows(trace)]
    points = curve_points_frames(scored, record["budget"]["frames"])
    curve = last_episodes_rows(rows, points, settings["training"]["frame_skip"], scored.episodes)
    return compare_csv(folder / "training_curve.csv", csv_bytes(curve))
