"""The table of returns as they are: scores of tasks that nothing normalises, a row an agent, task and budget."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import pandas as pd

from replication.analysis.cells import Cell, cells_of
from replication.analysis.finished import FinishedRuns, coverage, marks_of
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
    rows = [_row(cell, experiment) for cell in cells_of(experiment, finished)]
    caption = (
        f"{experiment.title}. {coverage(experiment, finished)} finished. Score of a run: the mean return of what its "
        "protocol evaluates; here its mean over seeds, with its Student t interval over them (none where all are "
        "alike, or one is finished), and the lowest and highest of any seed. Nothing here is compared with a "
        "published number."
    )
    return Table("returns", pd.DataFrame(rows, columns=list(_COLUMNS)), caption)


def _row(cell: Cell, experiment: Experiment) -> tuple[str, ...]:
    return (
        cell.run.task.title,
        agent_title(cell.run, experiment.judged_runs()),
        budget_text(cell.run),
        f"{len(cell.finished)} of {len(cell.runs)}{marks_of(cell.finished)}",
        *_numbers(cell.scores),
    )


def _numbers(scores: Sequence[float]) -> tuple[str, ...]:
    """Write mean, interval, lowest and highest of the scores of the seeds."""
    if not scores:
        return ("missing",) * 4
    found = estimate(scores)
    bounds = interval(found, LEVEL) if found is not None and found.standard_error > 0.0 else ()
    mean, low, high, *both = (f"{value:z,.1f}" for value in (fmean(scores), min(scores), max(scores), *bounds))
    return mean, " to ".join(both) or "none", low, high
