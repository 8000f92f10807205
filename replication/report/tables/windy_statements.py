"""What Sutton & Barto's text says of the windy gridworld (Example 6.5), tested, with exact lengths of paths."""

from __future__ import annotations

from replication.analysis.bundles import BundleRecord, bundle_records
from replication.analysis.exact_references import epsilon_greedy_steps, shortest_steps
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.statements import Statement, above
from replication.report.tables.statements import statements_table
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment

_SOURCE = "Sutton & Barto 2018, Example 6.5"


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table: a statement for each kind of moves and wind."""
    records = bundle_records(finished)
    return statements_table(
        "windy_statements",
        f"Statements about the windy gridworld. {experiment.title}; {coverage(experiment, finished)} finished.",
        [_ever_more_quickly(record) for record in records],
        "Shortest: steps of the best path, or its expectation where the wind varies, by value iteration. Exploring: "
        "expected steps of an epsilon-greedy agent that knows the best values; the text's 17 steps are the 17.05 of "
        "the first row. At a step size of 0.5 SARSA is not there after 8,000 steps. The number of episodes that the "
        "book's curve ends at is one run, read from a picture: no reference.",
    )


def _ever_more_quickly(record: BundleRecord) -> Statement:
    half = record.run.budget.steps // 2
    early, late = record.gained(0, half), record.gained(half, 2 * half)
    return Statement(
        f"{record.run.task.title}: the goal is reached more quickly in the second half of the steps than the first",
        _SOURCE,
        (above(late, early),),
        f"{record.mean:.1f} ± {2 * record.score.standard_error:.1f} episodes finished, {half / late.mean:.1f} steps an "
        f"episode in the second half; shortest {shortest_steps(record.run):.2f}, exploring "
        f"{epsilon_greedy_steps(record.run):.2f}",
    )
