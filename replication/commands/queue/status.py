"""The state of the queue: one row an entry, from records, checkpoints and what the worker wrote down."""

from __future__ import annotations

import csv
import json
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from replication.analysis.cost import LONG_ENOUGH, Speed, known_speed, seconds_to_go
from replication.commands.queue.clone import current_commit
from replication.commands.queue.entries import Entry
from replication.commands.queue.folder import Failure, QueueFolder, Worker, read_json
from replication.commands.queue.worker import last_line
from replication.evidence.records import read_unchecked
from replication.evidence.state_files import checkpoints
from replication.foundation.errors import ReplicationError
from replication.foundation.locks import is_held
from replication.specification.loading import load_protocol

_FRAMES = 4
"""The column of frames."""
WIDTH = 100
"""Most columns of a terminal that the table takes."""


@dataclass(frozen=True)
class Row:
    """The state of one entry."""

    id: int
    name: str
    state: str
    """waiting, running, finished, failed or refused."""
    step: int
    """Step of its newest checkpoint, or its last step where it is finished."""
    budget_steps: int
    frames: int | None
    """Emulator frames of those steps; None: its task has none."""
    hours_used: float
    """Hours of one core, up to the newest checkpoint."""
    hours_left: float | None
    """Hours of one core, estimated; None: unknown."""
    score: float | None
    """The final score, or the mean return of the last iteration where that is what was published."""
    note: str = ""
    """Reason why it failed or was refused."""


def status_text(folder: QueueFolder) -> str:
    """Describe the queue in words and one table.

    Raises:
        ReplicationError: a file of the queue is bad.
    """
    rows = status_rows(folder)
    lines = [_head(folder)]
    if not rows:
        return "\n".join([*lines, "the queue is empty; `queue add` puts something into it"])
    used, left = sum(row.hours_used for row in rows), sum(row.hours_left or 0.0 for row in rows)
    unknown = sum(row.hours_left is None for row in rows)
    beside = f", not counting {unknown} of unknown length" if unknown else ""
    lines += ["", *_table(rows), "", f"core hours: {used:.1f} used, about {left:.1f} left{beside}"]
    for row in rows:
        if row.note:
            lines += textwrap.wrap(
                f"{row.id} {row.state}: {row.note}",
                WIDTH,
                subsequent_indent="    ",
                break_long_words=False,
                break_on_hyphens=False,
            )
    return "\n".join(lines)


def status_json(folder: QueueFolder) -> str:
    """Return the rows of the table as JSON.

    Raises:
        ReplicationError: a file of the queue is bad.
    """
    return json.dumps([asdict(row) for row in status_rows(folder)], indent=1)


def status_rows(folder: QueueFolder) -> list[Row]:
    """Build the row of every entry, in order.

    Raises:
        ReplicationError: a file of the queue is bad.
    """
    return [_row(entry, folder) for entry in folder.read().entries]


def _row(entry: Entry, folder: QueueFolder) -> Row:
    if folder.is_finished(entry):
        return _finished(entry, folder.results / "runs" / entry.place)
    step, seconds = _checkpoint(folder.state / entry.state_place)
    failure = read_json(folder.failure(entry), Failure)
    stopped = failure.kind if failure else "waiting"
    state = "running" if is_held(folder.running(entry)) else stopped
    return Row(
        id=entry.id,
        name=entry.name,
        state=state,
        step=step,
        budget_steps=entry.least_steps,
        frames=_frames(entry, step),
        hours_used=seconds / 3600,
        hours_left=_hours_left(entry, folder, step, seconds),
        score=None,
        note=failure.reason if failure and state == failure.kind else "",
    )


def _finished(entry: Entry, place: Path) -> Row:
    """Build the row of a run that has a record; `collect` checks the record and says what is wrong with it."""
    try:
        record = read_unchecked(place)
        seconds, score = float(record["cost"]["seconds"]), record["score"]
        step = int((record.get("counts") or {"steps": 0})["steps"])
        if score is None and (place / "iterations.csv").exists():
            rows = list(csv.DictReader((place / "iterations.csv").read_text(encoding="utf-8").splitlines()))
            score = float(rows[-1]["mean_return"])
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ReplicationError(f"{place}/run.json: not a run record ({error}); move {place} away") from None
    return Row(
        id=entry.id,
        name=entry.name,
        state="finished",
        step=step,
        budget_steps=entry.least_steps,
        frames=_frames(entry, step),
        hours_used=seconds / 3600,
        hours_left=0.0,
        score=score,
    )


def _frames(entry: Entry, step: int) -> int | None:
    """Return the emulator frames of steps; None where a protocol, known to this program, presents no games."""
    with suppress(ReplicationError):
        if load_protocol(entry.protocol).kind != "atari":
            return None
    return step * entry.frame_skip


def _checkpoint(state: Path) -> tuple[int, float]:
    """Read step and seconds of training of the newest checkpoint; zeros where there is no checkpoint."""
    for step, path in reversed(checkpoints(state)):
        for name in ("manifest.json", "lane.json"):  # manifests hold it in every family, since they do
            with suppress(OSError, ValueError, KeyError, TypeError):
                return step, float(json.loads((path / name).read_bytes())["seconds"])
        # It is being removed, or damaged, which its training finds and says.
    return 0, 0.0


def _hours_left(entry: Entry, folder: QueueFolder, step: int, seconds: float) -> float | None:
    try:
        run = entry.run()
        if not run.family.trains:
            return seconds_to_go(run, None, folder.state) / 3600
        speed = known_speed(run, folder.results, folder.state)
        if seconds and step >= LONG_ENOUGH * run.settings.steps_before_learning:
            speed = Speed(step / seconds, speed.playing, includes_evaluations=True, origin="its own")
        return seconds_to_go(run, speed, folder.state) / 3600
    except ReplicationError:
        return None  # this program does not have its settings; the clone may


def _head(folder: QueueFolder) -> str:
    worker = read_json(folder.worker, Worker)
    if is_held(folder.worker_lock):
        state = f"runs (process {worker.pid}, {worker.jobs} at a time)" if worker else "runs"
    elif worker is not None:  # a worker that ends by itself takes this file away
        log = folder.logs / "worker.log"
        said = last_line(log.read_bytes()) if log.exists() else ""
        state = said if said.startswith("error:") else "its worker was killed"
        state += "; `queue start` goes on, `queue stop` ends trainings that are left"
    else:
        state = "does not run"
    commit = f"at commit {current_commit(folder.clone)[:12]}" if folder.clone.exists() else "not made yet"
    lines = [f"queue: {folder.root}", f"worker: {state}", f"clone: {commit}"]
    return "\n".join(
        part for line in lines for part in textwrap.wrap(line, WIDTH, break_long_words=False, break_on_hyphens=False)
    )


def _table(rows: Sequence[Row]) -> list[str]:
    """Format the rows in columns as wide as they must be; names are cut where a line would not fit."""
    cells: list[tuple[str, ...]] = [("id", "run", "state", "step", "frames", "used h", "left h", "score")]
    for row in rows:
        steps = f"{_short(row.step)} of {_short(row.budget_steps)}" if row.budget_steps else "-"
        left = "?" if row.hours_left is None else f"{row.hours_left:.2f}"
        score = "" if row.score is None else f"{row.score:,.1f}"
        frames = "" if row.frames is None else _short(row.frames)
        cells.append((str(row.id), row.name, row.state, steps, frames, f"{row.hours_used:.2f}", left, score))
    if all(row.frames is None for row in rows):
        cells = [(*line[:_FRAMES], *line[_FRAMES + 1 :]) for line in cells]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    widths[1] = min(widths[1], WIDTH - sum(widths) + widths[1] - 2 * (len(widths) - 1))
    lines = []
    for line in cells:
        name = line[1] if len(line[1]) <= widths[1] else line[1][: widths[1] - 1] + "…"
        fields = [line[0].rjust(widths[0]), name.ljust(widths[1]), line[2].ljust(widths[2])]
        fields += [text.rjust(width) for text, width in zip(line[3:], widths[3:], strict=True)]
        lines.append("  ".join(fields).rstrip())
    return lines


def _short(number: int) -> str:
    """Format a count in about five characters: 600, 2,400, 250k, 1.25M."""
    if number >= 1_000_000:
        return f"{number / 1_000_000:.2f}M"
    return f"{number / 1_000:.0f}k" if number >= 10_000 else f"{number:,}"
