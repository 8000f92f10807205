"""What Sutton & Barto's text says of maximization bias (Example 6.7, Figure 6.5), tested."""

from __future__ import annotations

from typing import TypeVar

import pandas as pd

from replication.analysis.bundles import BundleRecord, bundle_records
from replication.analysis.exact_references import first_actions_of_best
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.intervals import Estimate
from replication.analysis.statements import Statement, above, within
from replication.report.tables.statements import statements_table
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment
from replication.specification.run import Run
from replication.specification.tasks.small_mdps import SmallMdp

_SOURCE = "Sutton & Barto 2018, Example 6.7 and Figure 6.5"
_STATED_EXCESS = 5.0
"""Percent by which Q-learning goes left more often than is optimal, at its asymptote, by the text: "about"."""
_MARGIN = _STATED_EXCESS / 2
_LAST = 50
"""Episodes at the end that stand for the asymptote: the curves still fall a little."""
_EARLY = (11, 60)
"""Episodes in which the curves are highest."""

_Steps = TypeVar("_Steps", float, "pd.Series[float]")


def left_percent(steps: _Steps) -> _Steps:
    """Convert mean steps of an episode to the percent that went left: two steps are left, one is right."""
    return 100.0 * (steps - 1.0)


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table: the statements for each number of actions in B."""
    by_task: dict[str, dict[str, BundleRecord]] = {}
    for record in bundle_records(finished):
        by_task.setdefault(record.run.task.name, {})[record.run.variant.module] = record
    statements = [each for found in by_task.values() for each in _of(found)]
    return statements_table(
        "bias_statements",
        f"Statements about maximization bias. {experiment.title}; {coverage(experiment, finished)} finished.",
        statements,
        "Left is the worse action; an agent that explores as much and knows the best values takes it as often as the "
        f"row says, exact. About 5 percent: within {_MARGIN:g} of 5. At the asymptote: the last {_LAST} episodes. The "
        "text says only that there are many actions in B; the known transcriptions have 10.",
    )


def _of(found: dict[str, BundleRecord]) -> list[Statement]:
    if not {"q_learning", "double_q_learning"} <= found.keys():
        return []
    single = found["q_learning"]
    optimal, last = 100.0 * float(first_actions_of_best(single.run)[0]), single.run.budget.episodes
    where = f"{_actions(single.run)} actions in B"
    early = {name: _left(record, *_EARLY) for name, record in found.items()}
    late = {name: _left(record, last - _LAST + 1, last) for name, record in found.items()}
    start, end = f"episodes {_EARLY[0]} to {_EARLY[1]}", f"the last {_LAST} episodes"
    q_early, q_late, d_late = early["q_learning"], late["q_learning"], late["double_q_learning"]
    d_early = early["double_q_learning"]
    return [
        Statement(
            f"Q-learning first goes left more often than right, in {start} ({where})",
            _SOURCE,
            (_above(q_early, 50.0),),
            f"{q_early.mean:.1f} % left",
        ),
        Statement(
            f"Q-learning goes left more often than is optimal, in {end} ({where})",
            _SOURCE,
            (_above(q_late, optimal),),
            f"{q_late.mean:.1f} % against {optimal:g} %",
        ),
        Statement(
            f"At the asymptote Q-learning goes left about 5 percent more often than is optimal, in {end} ({where})",
            _SOURCE,
            within(q_late, optimal + _STATED_EXCESS, _MARGIN),
            f"{q_late.mean - optimal:+.1f} percent ± {2 * q_late.standard_error:.1f}",
        ),
        Statement(
            f"Double Q-learning goes left less often than Q-learning, in {start} and in {end} ({where})",
            _SOURCE,
            (above(q_early, d_early), above(q_late, d_late)),
            f"{d_early.mean:.1f} % against {q_early.mean:.1f} %, and {d_late.mean:.1f} % against {q_late.mean:.1f} %",
        ),
    ]


def _actions(run: Run) -> int:
    """Return the number of actions in B, the second state."""
    assert isinstance(run.task, SmallMdp)
    return len(run.task.states[1].steps)


def _left(record: BundleRecord, first: int, last: int) -> Estimate:
    steps = record.window(first, last)
    return Estimate(left_percent(steps.mean), 100.0 * steps.standard_error, steps.degrees)


def _above(ours: Estimate, number: float) -> Estimate:
    return Estimate(ours.mean - number, ours.standard_error, ours.degrees)
