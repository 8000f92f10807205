"""What Sutton & Barto's text says of SARSA on the mountain car (Figures 10.2 to 10.4), tested."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from replication.analysis.bundles import BundleRecord, bundle_records
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.statements import Statement, above, lowest
from replication.report.tables.statements import statements_table
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment
from replication.specification.families.tabular import SarsaTilesConfig
from replication.specification.run import Run

_BOOK = "Sutton & Barto 2018"
_FIRST, _LAST = 50, 100
"""Episodes at the start, which Figure 10.4 averages, and at the end."""


def config_of(run: Run) -> SarsaTilesConfig:
    """Return the settings of an agent with tiles."""
    return run.settings_as(SarsaTilesConfig)


def agent_text(run: Run) -> str:
    """Name an agent as the book does: alpha is that of each tile."""
    config = config_of(run)
    explores = f", ε = {config.epsilon:g}" if config.epsilon else ""
    return f"n = {config.n_steps}, α = {config.step_size:g}/{config.tilings}{explores}"


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table: the statements that the finished records are about."""
    records = bundle_records(finished)
    greedy = [record for record in records if not config_of(record.run).epsilon]
    by_steps: dict[int, list[BundleRecord]] = {}
    for record in greedy:
        by_steps.setdefault(config_of(record.run).n_steps, []).append(record)
    statements = []
    if len(by_steps) == 1 and len(greedy) > 1:
        statements += [_larger_is_faster(greedy)]
    if len(by_steps) == 2:
        statements += _more_steps_are_faster(by_steps)
    if len(by_steps) > 2:
        statements += [_in_between_is_best(by_steps)]
    statements += [_explores(record, greedy) for record in records if config_of(record.run).epsilon]
    return statements_table(
        "mountain_car_statements",
        f"Statements about SARSA on the mountain car. {experiment.title}; {coverage(experiment, finished)} finished.",
        statements,
        f"Steps of an episode, of which fewer are better. {cut_text(records)} The numbers of the book's figures are in "
        "pictures alone: no reference.",
    )


def cut_text(records: Sequence[BundleRecord]) -> str:
    """Say how many runs have episodes that were cut."""
    cut = {agent_text(record.run): sum(row["cut_episodes"] > 0 for row in record.rows) for record in records}
    said = [f"{count} of {agent}" for agent, count in cut.items() if count]
    runs = sum(record.seeds for record in records)
    if not said:
        return f"None of the {runs:,} runs has an episode that was cut."
    return f"Of {runs:,} runs {sum(cut.values())} have episodes that were cut: {'; '.join(said)}."


def _steps(record: BundleRecord, first: int, last: int) -> float:
    return -record.window(first, last).mean


def _larger_is_faster(records: Sequence[BundleRecord]) -> Statement:
    in_order = sorted(records, key=lambda record: config_of(record.run).step_size)
    windows = [record.window(1, _FIRST) for record in in_order]
    comparisons = tuple(above(larger, smaller) for smaller, larger in pairwise(windows))
    told = "; ".join(f"{agent_text(record.run)}: {_steps(record, 1, _FIRST):.0f}" for record in in_order)
    return Statement(
        f"The larger the step size, the fewer steps have the first {_FIRST} episodes",
        f"{_BOOK}, Figure 10.2",
        comparisons,
        told,
    )


def _more_steps_are_faster(by_steps: dict[int, list[BundleRecord]]) -> list[Statement]:
    (few,), (many,) = (by_steps[n] for n in sorted(by_steps))
    end = many.run.budget.episodes
    statements = []
    for what, first, last in (
        (f"in the first {_FIRST} episodes", 1, _FIRST),
        (f"in the last {_LAST} of {end}", end - _LAST + 1, end),
    ):
        statements.append(
            Statement(
                f"SARSA with n = {config_of(many.run).n_steps} needs fewer steps than one-step SARSA, {what}",
                f"{_BOOK}, Figure 10.3",
                (above(many.window(first, last), few.window(first, last)),),
                f"{_steps(many, first, last):.1f} against {_steps(few, first, last):.1f}",
            )
        )
    return statements


def _in_between_is_best(by_steps: dict[int, list[BundleRecord]]) -> Statement:
    """Compare the best step size of the best n with all others of the least and the greatest n."""
    best_of = {n: max(records, key=lambda record: record.mean) for n, records in sorted(by_steps.items())}
    best = max(best_of, key=lambda n: best_of[n].mean)
    ends = min(by_steps), max(by_steps)
    comparisons = tuple(above(best_of[best].score, other.score) for n in ends if n != best for other in by_steps[n])
    told = "; ".join(f"{agent_text(record.run)}: {-record.mean:.1f}" for record in best_of.values())
    return Statement(
        f"An intermediate n is best: with its best step size n = {best} needs fewer steps than n = {ends[0]} and n = "
        f"{ends[1]} with any",
        f"{_BOOK}, Figure 10.4 and section 10.2",
        comparisons if best not in ends else (above(best_of[ends[0]].score, best_of[best].score),),
        f"best step size of each n, mean steps: {told}; least difference {lowest(comparisons).mean:.1f}",
    )


def _explores(record: BundleRecord, greedy: Sequence[BundleRecord]) -> Statement:
    """Compare an agent that explores with the same one that does not: the book's caption and its text differ."""
    (same,) = (each for each in greedy if config_of(each.run).step_size == config_of(record.run).step_size)
    end = record.run.budget.episodes
    first, last = end - _LAST + 1, end
    return Statement(
        f"Without exploration episodes have fewer steps in the end ({agent_text(record.run)}, as the caption allows, "
        "against ε = 0)",
        f"{_BOOK}, Example 10.1 and the caption of Figure 10.2",
        (above(same.window(first, last), record.window(first, last)),),
        f"{_steps(same, first, last):.1f} against {_steps(record, first, last):.1f}; in the first {_FIRST} "
        f"{_steps(same, 1, _FIRST):.1f} against {_steps(record, 1, _FIRST):.1f}",
    )
