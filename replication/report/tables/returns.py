"""The table of returns as they are: scores of tasks that nothing normalizes, a row an agent, task and budget."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import pandas as pd

from replication.analysis.cells import Cell, cells_of
from replication.analysis.finished import FinishedRun, FinishedRuns, coverage, marks_of
from replication.analysis.intervals import LEVEL, estimate, interval
from replication.analysis.learning_curves import agent_title, budget_text
from replication.report.tables.columns import PrintedColumn, is_missing, number, part, text
from replication.report.tables.columns import interval as interval_column
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment

_COLUMNS = (
    text("task"),
    text("agent"),
    text("budget"),
    part("seeds", "seeds_finished", "seeds_planned", "earlier_versions"),
    number("mean score", "score"),
    interval_column("95 % interval", "score"),
    number("lowest"),
    number("highest"),
)
_PAPER_COLUMNS = ("task", "agent", "budget", "mean score", "95 % interval")


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table of an experiment; what is missing is shown as missing.

    Raises:
        ReplicationError: a damaged run file.
    """
    own = list(dict.fromkeys(name for found in finished for name in _own_columns(found)))
    rows = [_row(cell, experiment, own) for cell in cells_of(experiment, finished)]
    beside = " Columns after these: means over seeds of what a run reports beside its score, with such intervals."
    caption = (
        f"{experiment.title}. {coverage(experiment, finished)} finished. Score of a run: the mean return of what its "
        "protocol evaluates; here its mean over seeds, with its Student t interval over them (none where all are "
        "alike, or one is finished), and the lowest and highest of any seed."
        f"{beside if own else ''} Nothing here is compared with a published number."
    )
    columns = (*_COLUMNS, *(_own_column(name) for name in own))
    return Table("returns", pd.DataFrame(rows), caption, _PAPER_COLUMNS, columns=columns)


def _row(cell: Cell, experiment: Experiment, own: Sequence[str]) -> dict[str, Any]:
    scores = cell.scores
    row = {
        "task": cell.run.task.title,
        "agent": agent_title(cell.run, experiment.judged_runs()),
        "budget": budget_text(cell.run),
        "seeds_finished": len(cell.finished),
        "seeds_planned": len(cell.runs),
        "earlier_versions": marks_of(cell.finished),
        **_mean("score", scores),
        "lowest": min(scores, default=None),
        "highest": max(scores, default=None),
    }
    for name in own:
        row |= _mean(name, [float(found.row[name]) for found in cell.finished if found.row and name in found.row])
    return row


def _own_columns(found: FinishedRun) -> list[str]:
    """List the numbers that a run of a bundle reports beside its score."""
    row = found.row or {}
    return [name for name, cell in row.items() if name not in ("seed", "score") and isinstance(cell, int | float)]


def _mean(name: str, values: Sequence[float]) -> dict[str, float | None]:
    """Return a mean with its interval under the names of data columns; no interval where the values do not scatter."""
    found = estimate(values)
    low, high = interval(found, LEVEL) if found and found.standard_error > 0.0 else (None, None)
    return {name: fmean(values) if values else None, f"{name}_low": low, f"{name}_high": high}


def _own_column(name: str) -> PrintedColumn:
    def write(mean: float, low: float, high: float) -> str:
        return f"{mean:z,.1f}{'' if is_missing(low) else f' ({low:z,.1f} to {high:z,.1f})'}"

    return PrintedColumn(name.replace("_", " "), (name, f"{name}_low", f"{name}_high"), write)
