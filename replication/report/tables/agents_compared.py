"""The table of an experiment's agents beside its first one: is the other better? A row an agent and task, then all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from replication.analysis.agent_comparison import Scores, difference, improvement
from replication.analysis.cells import Cell, cells_of, run_score
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.learning_curves import agent_title
from replication.report.tables.columns import PrintedColumn, interval, number, text, yes_or_no
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment

ALL_TASKS = "all tasks"
COLUMNS: tuple[PrintedColumn, ...] = (
    text("agent"),
    text("beside"),
    text("task"),
    number("difference", "mean", digits=2, signed=True, missing=""),
    interval("interval", "difference", digits=2, signed=True, missing=""),
    number("probability of a win", "probability", digits=2),
    interval("its 95 % interval", "probability", digits=2, missing=""),
    text("verdict on the two", "word"),
    number("runs", "ours_runs", digits=0, missing=""),
    number("runs beside", "theirs_runs", digits=0, missing=""),
    yes_or_no("paired"),
)
EXPLANATION = (
    "Difference: mean score of the agent less that of the one it stands beside, with Student's t interval over seeds: "
    "paired where both have the same seeds, Welch's where not; each so wide that those of all tasks hold together with "
    "95 %. Probability of a win: that a run of the agent scores higher than one of the other, a tie counting one half; "
    "over all tasks their mean, with a bootstrap over seeds. Better, worse: the interval leaves out 0, or one half. "
    "Too few runs: an agent has one run of a task, and nothing says how far its seeds scatter."
)


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table: every agent of the experiment beside its first, on the tasks of which both have finished runs.

    Raises:
        ReplicationError: a damaged run file.
    """
    agents: dict[str, dict[str, Scores]] = {}
    for cell in sorted(cells_of(experiment, finished), key=lambda cell: _place(cell, experiment)):
        scores = {found.run.seed: run_score(found, cell.judged_at) for found in cell.finished}
        if scores:
            agents.setdefault(agent_title(cell.run, experiment.judged_runs()), {})[cell.run.task.title] = scores
    first, *others = agents or [""]
    rows = [row for other in others for row in rows_of(other, first, agents[other], agents[first])]
    caption = (
        f"{experiment.title}: every agent beside {first or 'the first'}. {coverage(experiment, finished)} finished. "
    )
    return Table("agents_compared", frame_of(rows), caption + EXPLANATION, columns=COLUMNS)


def rows_of(one: str, other: str, ours: Mapping[str, Scores], theirs: Mapping[str, Scores]) -> list[dict[str, Any]]:
    """Return the rows of two agents: one for each task that both have, then one for all of them.

    Args:
        one: what it is called.
        other: what the one beside it is called.
        ours: scores by task.
        theirs: the same of the other.
    """
    shared = [task for task in ours if task in theirs]
    rows = []
    for task in shared:
        found = asdict(difference(ours[task], theirs[task], len(shared)))
        found |= {"difference_low": found.pop("low"), "difference_high": found.pop("high")}
        rows.append({"agent": one, "beside": other, "task": task, **found})
    if len(shared) > 1:
        overall = asdict(improvement([(ours[task], theirs[task]) for task in shared]))
        overall |= {"probability_low": overall.pop("low"), "probability_high": overall.pop("high")}
        rows.append({"agent": one, "beside": other, "task": ALL_TASKS, **overall})
    return rows


def frame_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the data of rows, every column there."""
    return pd.DataFrame(rows, columns=list(dict.fromkeys(name for column in COLUMNS for name in column.data)))


def _place(cell: Cell, experiment: Experiment) -> int:
    """Return where the agent of a cell first stands in the experiment."""
    return [run.variant.variant for run in experiment.runs()].index(cell.run.variant.variant)
