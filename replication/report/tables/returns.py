"""The table of returns as they are: scores of tasks that nothing normalises, a row an agent, task and budget."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import pandas as pd

from replication.analysis.cells import Cell, cells_of
from replication.analysis.finished import FinishedRun, FinishedRuns, coverage, marks_of
from replication.analysis.intervals import estimate, interval
from replication.analysis.learning_curves import agent_title, budget_text
from replication.analysis.verdicts import LEVEL
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment

_COLUMNS = ("task", "agent", "budget", "seeds", "mean score", "95 % interval", "lowest", "highest")


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table of an experiment; what is missing is shown as missing.

    Raises:
        ReplicationError: a damaged run file.
    """
    cells = cells_of(experiment, finished)
    own = list(dict.fromkeys(name for found in finished for name in _own_columns(found)))
    rows = [(*_of_cell(cell, experiment), *(_mean_of(cell.finished, name) for name in own)) for cell in cells]
    beside = " Columns after these: means over seeds of what a run reports beside its score, with such intervals."
    caption = (
        f"{experiment.title}. {coverage(experiment, finished)} finished. Score of a run: the mean return of what its "
        "protocol evaluates; here its mean over seeds, with its Student t interval over them (none where all are "
        "alike, or one is finished), and the lowest and highest of any seed."
        f"{beside if own else ''} Nothing here is compared with a published number."
    )
    columns = [*_COLUMNS, *(name.replace("_", " ") for name in own)]
    return Table("returns", pd.DataFrame(rows, columns=columns), caption)


def _of_cell(cell: Cell, experiment: Experiment) -> tuple[str, ...]:
    scores = cell.scores
    shown = ("missing",) * 4
    if scores:
        shown = _number(fmean(scores)), _range(scores) or "none", _number(min(scores)), _number(max(scores))
    return (
        cell.run.task.title,
        agent_title(cell.run, experiment.judged_runs()),
        budget_text(cell.run),
        f"{len(cell.finished)} of {len(cell.runs)}{marks_of(cell.finished)}",
        *shown,
    )


def _own_columns(found: FinishedRun) -> list[str]:
    """List the numbers that a run of a bundle reports beside its score."""
    row = found.row or {}
    return [name for name, cell in row.items() if name not in ("seed", "score") and isinstance(cell, int | float)]


def _mean_of(finished: Sequence[FinishedRun], name: str) -> str:
    values = [float(found.row[name]) for found in finished if found.row and name in found.row]
    bounds = _range(values)
    return f"{_number(fmean(values))}{f' ({bounds})' if bounds else ''}" if values else ""


def _range(values: Sequence[float]) -> str:
    """Write the interval of a mean; empty where the values do not scatter."""
    found = estimate(values)
    spread = found is not None and found.standard_error > 0.0
    return " to ".join(map(_number, interval(found, LEVEL))) if found and spread else ""


def _number(value: float) -> str:
    return f"{value:z,.1f}"
