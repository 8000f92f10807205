"""The finished runs of an experiment, read from their small files and checked against their identity."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar, cast, overload

import numpy as np
import pandas as pd

from replication.evidence import records
from replication.foundation.errors import ReplicationError
from replication.foundation.files import sha256
from replication.specification.experiments import Experiment
from replication.specification.run import Run

COLUMNS = {
    "scores": ["episode", "return", "frames", "ending"],
    "curve": ["step", "score", "episodes", "held_out_value", "held_out_td_error", "epsilon", "is_best"],
    "evaluations": ["step", "episode", "raw_return", "steps", "ending"],
    "training": ["episode", "end_step", "raw_return", "frames", "ending"],
    "training_curve": ["frames", "episodes", "first_episode", "last_episode", "mean_return"],
    "iterations": ["iteration", "end_step", "steps", "episodes", "mean_return"],
    "embedding": ["x", "y", "value", "episode", "frame"],
    "embedding_policies": ["policy", "x", "y", "value", "episode", "frame"],
}
"""Tables a run of a game may have, with their columns; others count the length of episodes in `steps`."""

BUNDLE_CURVE = ["point", "count", "mean", "deviation"]
"""Columns of curve.csv in a bundle's record: over all its seeds."""

_NOT_NUMBERS = {"ending", "is_best", "policy"}
_MAY_BE_BLANK = {"score", "held_out_value", "held_out_td_error"}
"""A periodic evaluation that completed no episode has no score."""
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class FinishedRun:
    """A finished run with its tables; None where it has no such table."""

    run: Run
    """The run as the experiment asks for it."""
    folder: Path
    record: dict[str, Any]
    """run.json."""
    episodes: pd.DataFrame | None
    """The final evaluation, an episode a row (scores.csv)."""
    curve: pd.DataFrame | None
    """Periodic evaluations; in a bundle the means over its seeds (BUNDLE_CURVE)."""
    training: pd.DataFrame | None
    """The training episodes; where the last ones are scored, those that a score is of."""
    iterations: pd.DataFrame | None
    embedding: pd.DataFrame | None
    embedding_policies: pd.DataFrame | None
    row: Mapping[str, Any] | None = None
    """Of a run in a bundle: its row of scores.csv (seed, score and its family's own columns)."""
    evaluations: pd.DataFrame | None = None
    """The episodes of those periodic evaluations that a run may be judged by, where they are scored."""
    training_curve: pd.DataFrame | None = None
    """The mean return of the last training episodes along the training, where they are scored."""

    @property
    def mark(self) -> str:
        """The numerics version of the code that made the run, in words, where that is an earlier one; else empty."""
        version = self.record.get("numerics_version", self.run.numerics_version)
        return "" if version == self.run.numerics_version else f"numerics version {version}"


@dataclass(frozen=True, eq=False)
class FinishedRuns(Sequence[FinishedRun]):
    """The finished runs of an experiment, read once for every table, figure and page that a command makes of them."""

    experiment: Experiment
    results: Path
    """The folder they were read from, for what also shows files that are no run's."""
    runs: tuple[FinishedRun, ...]
    """In the order of the experiment."""
    _computed: dict[Callable[..., Any], Any] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.runs)

    @overload
    def __getitem__(self, place: int) -> FinishedRun: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[FinishedRun]: ...
    def __getitem__(self, place: int | slice) -> FinishedRun | Sequence[FinishedRun]:
        return self.runs[place]

    def once(self, compute: Callable[[Experiment, FinishedRuns], _Value]) -> _Value:
        """Return what several tables and figures compute of the same runs; the first to ask computes it.

        Args:
            compute: a function of the experiment and these runs; nobody changes what it returns.
        """
        if compute not in self._computed:
            self._computed[compute] = compute(self.experiment, self)
        return cast(_Value, self._computed[compute])


@dataclass(frozen=True)
class Coverage:
    """The number of an experiment's runs that are finished."""

    done: int
    total: int
    marks: str = ""
    """Those of them that earlier code made, in words."""

    def __str__(self) -> str:
        return f"{self.done} of {self.total} runs{self.marks}"


def load_runs(experiment: Experiment, results: Path) -> FinishedRuns:
    """Read every finished run of an experiment, in its order.

    Raises:
        ReplicationError: a file is damaged, belongs to another run, or is missing although the protocol makes it.
    """
    found: list[FinishedRun] = []
    for _, group in groupby(experiment.runs(), key=lambda run: run.record_digest):
        runs = list(group)
        record = records.read_or_none(runs[0], results)
        if record is not None:
            folder = records.finished_folder(runs[0], results)
            found += (
                _of_bundle(runs, folder, record) if runs[0].family.bundles else [_finished(runs[0], folder, record)]
            )
    return FinishedRuns(experiment, results, tuple(found))


def finished_run(folder: Path, seed: int | None = None) -> FinishedRun:
    """Read the finished run whose record lies in a folder, by itself.

    Args:
        folder: of the record.
        seed: of the run, where the record is a bundle's; None: its first seed.

    Raises:
        ReplicationError: a file is damaged or missing; the settings here are not the run's; a bundle keeps no row of
            the seed.
    """
    run, record = records.run_of_folder(folder), records.read(folder)
    if run.bundle is None:
        return _finished(run, folder, record)
    wanted = replace(run, seed=run.bundle.first if seed is None else seed)
    found = next(_of_bundle([wanted], folder, record), None)
    if found is None:
        raise ReplicationError(f"{folder / 'scores.csv'}: found no row of seed {wanted.seed}, expected another seed")
    return found


def _of_bundle(runs: Sequence[Run], folder: Path, record: dict[str, Any]) -> Iterator[FinishedRun]:
    """Yield the runs of a bundle that have a row, and its curve with each."""
    digests = record.get("files", {})
    rows = read_run_table(folder / "scores.csv", None, digests.get("scores.csv"))
    curve = read_run_table(folder / "curve.csv", BUNDLE_CURVE, digests.get("curve.csv"))
    if rows is None or list(rows.columns[:2]) != ["seed", "score"]:
        raise ReplicationError(
            f"{folder / 'scores.csv'}: expected a row a seed, with columns seed and score first; remove {folder} to "
            "make it again"
        )
    by_seed = {int(row["seed"]): {str(name): cell for name, cell in row.items()} for row in rows.to_dict("records")}
    for run in runs:
        if run.seed in by_seed:
            yield FinishedRun(run, folder, record, None, curve, None, None, None, None, by_seed[run.seed])


def coverage(experiment: Experiment, finished: Sequence[FinishedRun]) -> Coverage:
    """Return how many of the experiment's runs are finished."""
    done, asked = (sum(run.stands_for for run in runs) for runs in ((f.run for f in finished), experiment.runs()))
    return Coverage(done, asked, marks_of(finished))


def marks_of(finished: Sequence[FinishedRun]) -> str:
    """Return how many runs earlier code made, in brackets after a blank; empty where no run is."""
    counted = Counter(found.mark for found in finished if found.mark)
    shown = [mark if count == len(finished) else f"{count} of {mark}" for mark, count in sorted(counted.items())]
    return f" ({', '.join(shown)})" if shown else ""


def iteration_of(found: FinishedRun, iterations: int) -> tuple[int, float]:
    """Return the agent steps at the end of a run's training iteration, and the mean return of its episodes.

    Args:
        found: the run; its protocol counts iterations.
        iterations: number of the iteration, from 1.

    Raises:
        ReplicationError: its table lacks that iteration.
    """
    assert found.iterations is not None
    rows = found.iterations[found.iterations["iteration"] == iterations - 1]
    if len(rows) != 1:
        raise ReplicationError(
            f"{found.folder / 'iterations.csv'}: iteration {iterations - 1}: found {len(rows)} rows, expected one; "
            f"remove {found.folder} to make it again"
        )
    return int(rows["end_step"].iloc[0]), float(rows["mean_return"].iloc[0])


def last_episodes_score(found: FinishedRun, frames: int) -> float:
    """Return the mean return of a run's last training episodes at a frame of its training.

    Args:
        found: the run; its protocol scores them.
        frames: emulator frames.

    Raises:
        ReplicationError: its table lacks that point.
    """
    assert found.training_curve is not None
    rows = found.training_curve[found.training_curve["frames"] == frames]
    if len(rows) != 1:
        raise ReplicationError(
            f"{found.folder / 'training_curve.csv'}: frames {frames}: found {len(rows)} rows, expected one: no episode "
            f"had ended by then, or the run was made without that point; judge it elsewhere, or remove {found.folder} "
            "to make it again"
        )
    return float(rows["mean_return"].iloc[0])


def evaluation_score(found: FinishedRun, step: int) -> float | None:
    """Return the mean return of a run's evaluation at an agent step of its training; None where its record has none.

    Args:
        found: the run; its protocol scores evaluations during training.
        step: 0 before any training.
    """
    assert found.evaluations is not None
    rows = found.evaluations[found.evaluations["step"] == step]
    return None if rows.empty else float(rows["raw_return"].mean())


def _finished(run: Run, folder: Path, record: dict[str, Any]) -> FinishedRun:
    digests = record.get("files", {})
    if not isinstance(digests, dict):
        raise ReplicationError(
            f"{folder}/run.json: files: expected names with digests; remove {folder} to make it again"
        )
    tables = {
        name: read_run_table(folder / f"{name}.csv", _columns(name, run), digests.get(f"{name}.csv"))
        for name in COLUMNS
    }
    needed = {
        "scores": run.protocol.final_evaluation is not None,
        "iterations": run.protocol.published_quantity == "training_iterations" and run.budget.iterations > 0,
        "training_curve": run.protocol.training_score is not None,
        "evaluations": run.protocol.evaluation_score is not None,
    }
    for name in (name for name, made in needed.items() if made):
        table = tables[name]
        if table is None or table.empty:
            what = "no such file" if table is None else "no row"
            raise ReplicationError(
                f"{folder / name}.csv: found {what}, expected what protocol {run.protocol.protocol} scores; remove "
                f"{folder} to make it again"
            )
    return FinishedRun(run, folder, record, tables.pop("scores"), **tables, row=None)


def _columns(name: str, run: Run) -> list[str]:
    """Return the columns of a table of a run: episodes of games are counted in frames, all others in steps."""
    by_episode = name in ("scores", "training") and run.task.kind != "atari"
    return ["steps" if by_episode and column == "frames" else column for column in COLUMNS[name]]


def read_run_table(path: Path, columns: list[str] | None, digest: object) -> pd.DataFrame | None:
    """Read and check a table of a run; None where it has no such table.

    Args:
        path: the file.
        columns: those it must have, in order; None: whichever it has.
        digest: of the file, from the run's record; None where the record does not name it.
    """
    if not path.exists():
        if digest is None:
            return None
        raise ReplicationError(f"{path}: found no such file, run.json names it; remove {path.parent} to make it again")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReplicationError(f"{path}: cannot be read ({error.strerror}); allow reading it") from None
    if digest is not None and sha256(data) != digest:
        raise ReplicationError(
            f"{path}: its digest is not the one in run.json, it was changed; remove {path.parent} to make it again"
        )
    if b"\0" in data:  # pandas takes it for the end of a line
        raise ReplicationError(f"{path}: not readable as CSV (a NUL byte); remove {path.parent} to make it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # Without index_col=False the first cells of rows that have one too many are no column, and nothing is said.
            table = pd.read_csv(io.BytesIO(data), index_col=False, low_memory=False)
    except pd.errors.ParserWarning:
        most = "columns" if columns is None else f"{len(columns)} cells"
        raise ReplicationError(
            f"{path}: found rows of more than {most}; remove {path.parent} to make it again"
        ) from None
    except (ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise ReplicationError(
            f"{path}: not readable as CSV ({reason}); remove {path.parent} to make it again"
        ) from None
    if columns is None:
        return table
    if list(table.columns) != columns:
        found = ", ".join(name if name.isprintable() else repr(name) for name in map(str, table.columns))
        raise ReplicationError(f"{path}: columns: found {found}, expected {', '.join(columns)}")
    for name in (name for name in columns if name not in _NOT_NUMBERS):
        cells = table[name]
        wrong = ~np.isfinite(pd.to_numeric(cells, errors="coerce").to_numpy(np.float64))
        if name in _MAY_BE_BLANK:
            wrong &= cells.notna().to_numpy()
        if wrong.any():
            row = int(wrong.argmax())
            found = "a blank" if pd.isna(cells[row]) else repr(cells[row])
            raise ReplicationError(
                f"{path}: row {row + 2}: {name}: found {found}, expected a finite number; remove {path.parent} to make "
                "it again"
            )
    return table
