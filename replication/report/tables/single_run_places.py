"""Where the one published run of each agent lies among ours."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from replication.analysis.cells import Cell
from replication.analysis.finished import FinishedRuns, coverage, marks_of
from replication.analysis.learning_curves import agent_title
from replication.analysis.single_runs import BEST, FINAL, SOLVED, Place, placed_cells
from replication.analysis.verdict_rule import Verdict, no_reference, not_run
from replication.published.judges import find_judge
from replication.report.tables.columns import PrintedColumn, number, part, text
from replication.report.tables.table import Table
from replication.report.tables.verdict_columns import REASON, VERDICT
from replication.specification.experiments import Experiment

NEEDS = {"source": ("udacity_course", "sb3_zoo_control")}
_DIGITS = 1


def _value(value: float) -> str:
    return "never" if math.isinf(value) else f"{value:z,.{_DIGITS}f}".removesuffix(".0")


def _range(low: float, high: float) -> str:
    return f"{_value(low)} to {_value(high)}"


_COLUMNS = (
    text("task"),
    text("agent"),
    text("quantity"),
    PrintedColumn("published run", ("published",), _value, "none"),
    PrintedColumn("median of ours", ("median",), _value, "missing"),
    PrintedColumn("quartiles", ("quartile_low", "quartile_high"), _range, "missing"),
    PrintedColumn("least to greatest", ("least", "greatest"), _range, "missing"),
    number("unsolved", digits=0, missing=""),
    text("where the published run lies", "where"),
    number("ours below", "below", digits=0, missing=""),
    number("ours above", "above", digits=0, missing=""),
    part("seeds", "seeds_finished", "seeds_planned", "earlier_versions"),
    VERDICT,
    REASON,
)
_PAPER_COLUMNS = ("agent", "quantity", "published run", "median of ours", "quartiles", "unsolved")


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table: a row a published number, and for agents without one what ours came to."""
    rows = [_row(experiment, cell, place) for cell, found in placed_cells(experiment, finished) for place in found]
    return Table(
        "single_run_places", pd.DataFrame(rows), _caption(experiment, finished), _PAPER_COLUMNS, columns=_COLUMNS
    )


def _row(experiment: Experiment, cell: Cell, place: Place) -> dict[str, Any]:
    low, middle, high = place.quartiles if place.values else (None, None, None)
    compared = place.published is not None and bool(place.values)
    verdict = _verdict(place)
    return {
        "task": cell.run.task.title,
        "agent": agent_title(cell.run, experiment.judged_runs()),
        "quantity": _words(cell, place),
        "published": place.published,
        "median": middle,
        "quartile_low": low,
        "quartile_high": high,
        "least": place.values[0] if place.values else None,
        "greatest": place.values[-1] if place.values else None,
        "unsolved": place.unreached if place.quantity == SOLVED and place.values else None,
        "where": place.words,
        "below": place.below if compared else None,
        "above": place.above if compared else None,
        "seeds_finished": len(cell.finished),
        "seeds_planned": len(cell.runs),
        "earlier_versions": marks_of(cell.finished),
        "verdict": verdict.word,
        "reason": verdict.reason,
    }


def _verdict(place: Place) -> Verdict:
    """Return what one published run lets be said: nothing is judged by it."""
    if place.published is None:
        return no_reference("nothing was published for this agent")
    return no_reference("one published run has no spread to judge by") if place.values else not_run()


def _words(cell: Cell, place: Place) -> str:
    """Name a quantity, with the unit that training is counted in."""
    final = cell.run.protocol.final_evaluation
    if place.quantity == FINAL and final is not None:
        return f"mean return of {final.num_episodes} episodes of the trained policy"
    solving, unit = cell.run.protocol.solving, cell.run.protocol.budget_unit.removesuffix("s")
    of_last = 0 if solving is None else solving.of_last
    if place.quantity == SOLVED:
        level = None if solving is None else solving.level
        return f"{unit} after which the mean of the last {of_last} is {'' if level is None else f'{level:g} '}or more"
    within = place.episode or cell.run.budget.iterations or cell.run.budget.episodes
    if place.quantity == BEST:
        return f"highest mean of {of_last} within {within:,} {unit}s"
    return f"mean of the last {of_last} after {unit} {within:,}"


def _caption(experiment: Experiment, finished: FinishedRuns) -> str:
    source = experiment.published
    published = f" Published: one run an agent, {find_judge(source.source).title}." if source else ""
    return (
        f"Where one published run lies among ours. {experiment.title}; {coverage(experiment, finished)} finished."
        f"{published} Ours: median, quartiles, least and greatest over seeds, which differ in all that is random. "
        "Unsolved: seeds whose mean never got there within their training; they count as later than any other. A mean "
        "is of as many as there are where fewer were played. One run has no spread: whether ours learn as much cannot "
        "be tested, only whether it is one of those that ours are like."
    )
