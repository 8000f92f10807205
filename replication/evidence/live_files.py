"""What a run in training shows of itself meanwhile: files in its state that no number depends on.

The folder `live` in the state of a run holds `training.csv`, a row for each training episode that has ended,
`curve.csv`, a row for each periodic evaluation, and `progress.json`. They are brought up to date every few seconds.
After a kill they go on from the checkpoint: rows that came after it are dropped, and come again. It needs no torch.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from replication.evidence.scores import CurvePoint, EpisodeRecord
from replication.evidence.state_files import LIVE
from replication.foundation.errors import ReplicationError
from replication.foundation.files import csv_bytes, part_of, readable_json
from replication.foundation.validation import Settings, validated

TRAINING, CURVE, PROGRESS = "training.csv", "curve.csv", "progress.json"


class Progress(Settings):
    """The content of progress.json."""

    name: str
    """Of the run, for people."""
    variant: str
    task: str
    protocol: str
    preset: str | None
    record: str
    """The folder that the record is written to at the end."""
    unit: str
    """What progress is counted in, as people who look on know it: `frames`, `steps`, `seeds`."""
    progress: Annotated[int, Field(ge=0)]
    progress_end: Annotated[int, Field(ge=0)]
    progress_a_step: Annotated[float, Field(gt=0)]
    """How much progress an agent step is."""
    seconds: Annotated[float, Field(ge=0)]
    """Time spent training, over all sessions."""
    progress_a_second: Annotated[float, Field(ge=0)] | None
    """Of late; None: nothing was seen yet."""
    seconds_left: Annotated[float, Field(ge=0)] | None
    """Of all runs that train together, evaluations included; None: not known yet."""
    recent_return: float | None
    """Mean of the last training episodes; None before the first has ended."""
    written: float
    """When this was written, in seconds of the epoch."""


@dataclass(frozen=True)
class LiveRun:
    """What the files of a run say.

    Attributes:
        folder: of its state.
        progress: how far it is.
        episodes: agent step at which each training episode ended, and its raw return.
        points: agent step of each periodic evaluation, and its score.
    """

    folder: Path
    progress: Progress
    episodes: tuple[tuple[int, float], ...]
    points: tuple[tuple[int, float], ...]


class LiveFiles:
    """Writes the files of one run.

    Args:
        state_folder: of the run.
        length_unit: the column of the lengths of its episodes, `frames` of a game or `steps`.
    """

    def __init__(self, state_folder: Path, length_unit: str) -> None:
        self._folder = state_folder / LIVE
        self._length_unit = length_unit
        self._episodes = 0

    def begin(self, step: int, episodes: Sequence[EpisodeRecord]) -> list[tuple[int, float]]:
        """Write what there is at this agent step; what an earlier session wrote beyond it is dropped.

        Returns: step and score of the periodic evaluations that an earlier session left.
        Raises:
            OSError: it cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        points = [row for row in _rows(self._folder / CURVE) if _number(row, "step", -1.0) <= step]
        self._replace(CURVE, csv_bytes(points) if points else b"")
        self._episodes = 0
        self._replace(TRAINING, b"")
        self.add_episodes(episodes)
        return _columns(self._folder / CURVE, "step", "score")

    def add_episodes(self, episodes: Sequence[EpisodeRecord]) -> None:
        """Add the training episodes that have ended since.

        Raises:
            OSError: it cannot be written.
        """
        rows = [
            {
                "episode": number,
                "end_step": episode.end_step,
                "raw_return": episode.raw_return,
                self._length_unit: episode.frames,
                "ending": episode.ending,
            }
            for number, episode in enumerate(episodes, start=self._episodes)
        ]
        self._add(TRAINING, rows)
        self._episodes += len(rows)

    def add_points(self, points: Sequence[CurvePoint]) -> None:
        """Add periodic evaluations.

        Raises:
            OSError: it cannot be written.
        """
        self._add(CURVE, [asdict(point) for point in points])

    def write_progress(self, progress: Progress) -> None:
        """Replace progress.json.

        Raises:
            OSError: it cannot be written.
        """
        self._replace(PROGRESS, readable_json(progress.model_dump()))

    def _add(self, name: str, rows: Sequence[dict[str, Any]]) -> None:
        if not rows:
            return
        path = self._folder / name
        heading, _, lines = csv_bytes(rows).partition(b"\n")
        with path.open("ab") as file:
            file.write(lines if file.tell() else heading + b"\n" + lines)

    def _replace(self, name: str, data: bytes) -> None:
        """Replace a file at once; it is not flushed to disk, since nothing is lost with it."""
        beside = part_of(self._folder / name)
        beside.write_bytes(data)
        beside.replace(self._folder / name)


def read_live(state_folder: Path) -> LiveRun | None:
    """Read what a run shows of itself; None where it shows nothing, or nothing readable.

    A row that is being written is left out.
    """
    folder = state_folder / LIVE
    try:
        progress = validated(Progress, json.loads((folder / PROGRESS).read_bytes()), folder / PROGRESS)
    except (OSError, ValueError, RecursionError, ReplicationError):
        return None
    episodes = _columns(folder / TRAINING, "end_step", "raw_return")
    points = dict(_columns(folder / CURVE, "step", "score"))  # one that is repeated after a kill counts once
    return LiveRun(state_folder, progress, tuple(episodes), tuple(sorted(points.items())))


def live_folders(state: Path) -> list[Path]:
    """List the state folders of the runs that show something of themselves."""
    return sorted(path.parent.parent for path in state.glob(f"*/*/*/*/{LIVE}/{PROGRESS}"))


def _columns(path: Path, step: str, value: str) -> list[tuple[int, float]]:
    """Read two columns of the rows that are whole; a row without one of the two has nothing to show."""
    heading, *lines = _whole_lines(path) or [""]
    names = heading.split(",")
    if step not in names or value not in names:
        return []
    at, of, found = names.index(step), names.index(value), []
    for cells in (line.split(",") for line in lines):  # no cell has a comma; a run may have a hundred thousand rows
        if len(cells) == len(names):
            with suppress(ValueError):
                found.append((int(cells[at]), float(cells[of])))
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    """Read the rows that are whole."""
    rows = csv.DictReader(_whole_lines(path))
    return [row for row in rows if None not in row and None not in row.values()]


def _whole_lines(path: Path) -> list[str]:
    """Read the lines that have ended; none where there is no such file."""
    try:
        return path.read_text(encoding="utf-8").split("\n")[:-1]
    except (OSError, ValueError):
        return []


def _number(row: dict[str, str], name: str, otherwise: float) -> float:
    try:
        return float(row[name])
    except (KeyError, ValueError):
        return otherwise
