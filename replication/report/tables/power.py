"""Seeds that a conclusive verdict needs, a row a game and agent, by simulation of the verdict itself."""

from __future__ import annotations

import pandas as pd

from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.judged_games import JudgedCell, comparisons_judged
from replication.analysis.learning_curves import agent_title
from replication.analysis.power import SEED_COUNTS, TRUE_DIFFERENCE_MARGINS, WANTED_SHARE, seeds_needed
from replication.analysis.verdicts import margin_points
from replication.published.spreads import stand_in_text
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment

_COLUMNS = (
    "game",
    "agent",
    "published normalized %",
    "margin",
    "between runs",
    "spread from",
    "seeds finished",
    "seeds for replicated",
    "seeds for differs",
)

NEEDS = {"scores": "normalised"}


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table of the trained agents that have a published score.

    Raises:
        ReplicationError: a damaged run file.
    """
    judged, level = finished.once(comparisons_judged)
    rows = [_row(experiment, one, level) for one in judged]
    most = f"more than {SEED_COUNTS[-1]}"
    conclusive = sum(row[-2] not in {most, "unknown"} for row in rows)
    caption = (
        f"{experiment.title}: seeds a game with which a verdict is conclusive. {coverage(experiment, finished)} "
        f"finished. For `replicated`: agents that are truly the same are found so in {WANTED_SHARE:.0%} of simulated "
        f"tables. For `differs`: agents {TRUE_DIFFERENCE_MARGINS:g} margins apart are. Tried: "
        f"{', '.join(map(str, SEED_COUNTS))} seeds. Assumed: seeds are normal and ours vary as the published ones do; "
        "one published number has the error of one run, which no number of our seeds makes smaller. Spread between "
        f"runs in normalised points: published, or stood in for. {stand_in_text(experiment.published.source)} Two to "
        "four seeds may conclude less than one: their own spread, which they hardly know, takes the place of one stood "
        "in. "
        f"Each verdict's interval is at {level:.2%}, so that all hold together at 95 %. `replicated` can be reached "
        f"for {conclusive} of {len(rows)} games and agents."
        if rows and experiment.published
        else f"{experiment.title}: no trained agent of it has a published score, so no verdict needs any seeds."
    )
    return Table("power", pd.DataFrame(rows, columns=list(_COLUMNS)), caption)


def _row(experiment: Experiment, one: JudgedCell, level: float) -> tuple[str, ...]:
    run, published = one.cell.run, one.counterpart.normalized
    needed = ("unknown", "unknown")
    if one.spread is not None:
        found = seeds_needed(published, one.spread, one.published_runs, level)
        needed = (_seeds(found.replicated), _seeds(found.differs))
    return (
        run.task.title,
        agent_title(run, experiment.judged_runs()),
        f"{published:z,.1f}",
        f"{margin_points(published):.1f}",
        "unknown" if one.spread is None else f"{one.spread:.1f}",
        "stood in for" if one.published_runs is None else f"{one.published_runs} published runs",
        f"{len(one.cell.finished)} of {len(one.cell.runs)}",
        *needed,
    )


def _seeds(count: int | None) -> str:
    return f"more than {SEED_COUNTS[-1]}" if count is None else str(count)
