"""The score table of runs that are judged at agent steps: ours beside published runs, a row an agent, task and step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from replication.analysis.finished import FinishedRuns, coverage, marks_of
from replication.analysis.intervals import LEVEL, estimate, interval
from replication.analysis.judged_cells import JudgedCell, JudgedTable, judged_table
from replication.analysis.learning_curves import agent_title
from replication.analysis.looks import looks_text
from replication.analysis.step_counterparts import reference_score, scaled_score
from replication.analysis.verdict_conventions import LENT_DEGREES, Family
from replication.published.judges import find_judge
from replication.report.tables.columns import interval as interval_column
from replication.report.tables.columns import number, part, text
from replication.report.tables.table import Table
from replication.report.tables.verdict_columns import (
    DIFFERENCE,
    REASON,
    RULE_TEXT,
    SHARE,
    VERDICT,
    WRONG_AGENTS,
    verdict_cells,
)
from replication.specification.experiments import Experiment
from replication.specification.fidelity import deviations_in_force

_COLUMNS = (
    text("task"),
    text("agent"),
    number("step", digits=0),
    number("ours", "score"),
    number("published", missing=""),
    *DIFFERENCE,
    VERDICT,
    REASON,
    *SHARE,
    *WRONG_AGENTS,
    number("between our seeds", "deviation", missing=""),
    number("between published runs", "published_deviation", missing=""),
    part("seeds", "seeds_finished", "seeds_planned", "earlier_versions"),
    number("published runs", digits=0, missing=""),
    text("look"),
    number("the source's step", "printed_step", digits=0, missing=""),
    interval_column("95 % interval", "score", missing=""),
    number("scaled %", "scaled", missing=""),
    number("published scaled %", "published_scaled", missing=""),
    number("floor", missing=""),
    number("error of the floor", "floor_error", missing=""),
    text("floor of"),
    number("100 is", "reference", missing=""),
    text("deviations"),
)
"""In a reader's order: up to the verdict, what it rests on."""
_PAPER_COLUMNS = ("task", "agent", "step", "seeds", "ours", "published", "share", "interval of the share", "verdict")
"""What fits a page of a paper."""


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table of an experiment; what is missing is shown as missing.

    Raises:
        ReplicationError: a damaged run file; a run without an evaluation where it is judged.
    """
    table = finished.once(judged_table)
    rows = [_row(one, experiment, table.family) for one in table.cells]
    text = _caption(experiment, finished, table)
    return Table("scores_by_step", pd.DataFrame(rows), text, _PAPER_COLUMNS, columns=_COLUMNS)


def _row(one: JudgedCell, experiment: Experiment, family: Family) -> dict[str, Any]:
    cell, known, floor = one.cell, one.counterpart, one.floor
    scores, source = cell.scores, experiment.published and experiment.published.source
    found = estimate(scores) if len(scores) > 1 else None
    low, high = interval(found, LEVEL) if found else (None, None)
    mean = float(np.mean(scores)) if scores else None
    reference = reference_score(source, cell.run.task.published_key) if source and floor else None

    def scaled(score: float | None) -> float | None:
        return (
            None if score is None or floor is None or reference is None else scaled_score(score, floor.score, reference)
        )

    return {
        "task": cell.run.task.title,
        "agent": agent_title(cell.run, experiment.runs(), budgets=False),
        "step": cell.run.training_steps,
        "printed_step": known.printed_step if known else None,
        "seeds_finished": len(cell.finished),
        "seeds_planned": len(cell.runs),
        "earlier_versions": marks_of(cell.finished),
        "score": mean,
        "score_low": low,
        "score_high": high,
        "deviation": float(np.std(scores, ddof=1)) if len(scores) > 1 else None,
        "published": known.score if known else None,
        "published_runs": known.runs if known else None,
        "published_deviation": known.deviation if known else None,
        "scaled": scaled(mean),
        "published_scaled": scaled(known.score) if known else None,
        "reference": reference,
        "floor": floor.score if floor else None,
        "floor_error": floor.error if floor else None,
        "floor_of": floor.name if floor else "",
        **verdict_cells(one, family),
        "deviations": ", ".join(deviation.id for deviation in deviations_in_force(cell.run)),
    }


def _caption(experiment: Experiment, finished: FinishedRuns, table: JudgedTable) -> str:
    parts = [
        f"{experiment.title}. {coverage(experiment, finished)} finished.",
        "Score of a run: mean return of the episodes that its protocol evaluates at the step; here its mean over "
        "seeds, with Student's interval over them. A run that is judged at several steps has a row for each.",
    ]
    compared = [one for one in table.cells if one.counterpart is not None]
    if experiment.published is None or not compared:
        return " ".join([*parts, "Nothing here has a reference."])
    judge, count = find_judge(experiment.published.source), table.family.comparisons
    parts += [
        f"Published: {judge.title}, run by run, at the same step of the same quantity; the unit is the run on both "
        "sides.",
        _counted_otherwise(compared),
        f"The errors of 5 % hold over the table: {count} comparison{'s' * (count != 1)} that can tell anything.",
        RULE_TEXT,
        f"Floor, with its standard error: {_floors(compared)}, at step 0.",
        f"The spread of our seeds borrows from the published one, {LENT_DEGREES} degrees of freedom at most.",
        _two_points(compared),
        _scale(experiment.published.source),
        looks_text(experiment, [one.cell for one in compared]),
        "Would have passed: other agents of the source at the same step beside which our runs would be `replicated` "
        "too. Not ruled out: those whose published mean is not clearly off ours (each by itself at 95 %), and the "
        "untrained policy where ours is not clearly above it.",
    ]
    return " ".join(part for part in parts if part)


def _floors(compared: list[JudgedCell]) -> str:
    return "; ".join(dict.fromkeys(one.floor.name for one in compared if one.floor)) or "not known yet"


def _counted_otherwise(compared: list[JudgedCell]) -> str:
    """Say by how much the source's steps are behind ours, where they are."""
    behind = {
        one.cell.run.training_steps - one.counterpart.printed_step
        for one in compared
        if one.counterpart is not None and one.counterpart.printed_step is not None
    } - {0}
    if not behind:
        return ""
    steps = " or ".join(f"{steps:,}" for steps in sorted(behind))
    return f"The source does not count its first {steps} steps, in which actions are random; here they are counted."


def _two_points(compared: list[JudgedCell]) -> str:
    tasks = dict.fromkeys(one.cell.run.task.title for one in compared if one.counterpart and one.counterpart.two_points)
    if not tasks:
        return ""
    return (
        f"{', '.join(tasks)}: published runs are of two outcomes (the task is known for it, all are equal, or a gap "
        "parts them), so shares of runs above a level are compared, halfway from the floor to the task's ceiling or to "
        "the highest published run; of shares no more than `consistent` can be shown."
    )


def _scale(source: str) -> str:
    judge = find_judge(source)
    if not judge.reference_agent or judge.reference_step is None:
        return ""
    return (
        f"Scaled: 0 is the floor, 100 the source's {judge.reference_agent} at step {judge.reference_step:,}; for "
        "display alone."
    )
