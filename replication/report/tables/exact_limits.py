"""What agents earn in the end while they go on learning, beside the exact limits of their algorithms."""

from __future__ import annotations

from typing import Any

import pandas as pd

from replication.analysis.bundles import BundleRecord, bundle_records
from replication.analysis.exact_references import LIMIT_OF, judge_exact, limits_while_learning
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.intervals import LEVEL, family_level, interval
from replication.analysis.learning_curves import budget_text
from replication.report.tables.columns import PrintedColumn, number, text
from replication.report.tables.columns import interval as interval_column
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment
from replication.specification.families.tabular import TabularConfig
from replication.specification.run import Run

_COLUMNS = (
    PrintedColumn("step size", ("step_size",), lambda value: f"{value:g}"),
    text("agent"),
    number("ours", digits=2),
    interval_column("its interval", "ours", digits=2),
    number("exact", digits=2, missing=""),
    PrintedColumn("nearest rival", ("nearest_rival", "nearest_rival_value"), lambda name, value: f"{name} {value:.2f}"),
    text("verdict"),
    text("reason"),
    text("budget"),
    number("runs", digits=0),
)
_FROM_EPISODES = 10_000
"""Only runs at least this long have an end that can be compared with a limit."""


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table: a row a record of long runs."""
    records = [record for record in bundle_records(finished) if record.run.budget.episodes >= _FROM_EPISODES]
    judged = sum(record.run.variant.module in LIMIT_OF for record in records)
    level = family_level(LEVEL, judged)
    rows = [_row(record, level) for record in records]
    caption = (
        f"Returns of the second half of training, exploration included, beside the exact limits. {experiment.title}; "
        f"{coverage(experiment, finished)} finished. Ours: mean over runs of the mean return of the later half of the "
        "episodes, so that the first episodes have no part in it. Exact: expected return of the epsilon-greedy policy "
        "on the values that the algorithm tends to, computed from the transitions: Q-learning to the optimal values, "
        "Expected SARSA to those of the best epsilon-soft policy, at any step size since transitions are certain; "
        f"SARSA has no exact limit at a constant step size. Interval: Student's over runs, at a level that holds for "
        f"all {judged} judged rows together at {LEVEL:.0%}. Replicated: it contains the exact value and is narrower "
        "than the distance to the nearest rival, the limit of another algorithm. Differs: it does not contain it. Runs "
        "of one seed have the same random numbers at every step size, so the rows of an algorithm are close to one "
        "another. The book shows these numbers as a picture alone."
    )
    data = list(dict.fromkeys(name for column in _COLUMNS for name in column.data))
    return Table("exact_limits", pd.DataFrame(rows, columns=data), caption, columns=_COLUMNS)


def step_size_of(run: Run) -> float:
    """Return the step size of a tabular agent."""
    return run.settings_as(TabularConfig).step_size


def algorithm_title(run: Run) -> str:
    """Return the title of an agent without the settings that were changed."""
    return run.variant.title.split(",")[0]


def _row(record: BundleRecord, level: float) -> dict[str, Any]:
    run, ours = record.run, record.column("second_half")
    low, high = interval(ours, level)
    row: dict[str, Any] = {
        "agent": algorithm_title(run),
        "step_size": step_size_of(run),
        "budget": budget_text(run),
        "runs": record.seeds,
        "ours": ours.mean,
        "ours_low": low,
        "ours_high": high,
        "verdict": "no reference",
        "reason": "no exact limit at a constant step size",
    }
    name = LIMIT_OF.get(run.variant.module)
    if name is None:
        return row
    limits = limits_while_learning(run)
    exact = limits.pop(name)
    verdict = judge_exact(ours, exact, limits, level)
    rival = min(limits, key=lambda other: abs(limits[other] - exact))
    return row | {
        "exact": exact,
        "nearest_rival": rival,
        "nearest_rival_value": limits[rival],
        "verdict": verdict.word,
        "reason": verdict.reason,
    }
