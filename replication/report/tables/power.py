"""Seeds that a conclusive verdict needs, a row a game and agent, beside the published runs as they are."""

from __future__ import annotations

from typing import Any

import pandas as pd

from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.judged_cells import JudgedCell, judged_table
from replication.analysis.learning_curves import agent_title
from replication.analysis.power import HALF, SEED_COUNTS, WANTED_CHANCE, published_side, seeds_needed
from replication.analysis.verdict_conventions import Family
from replication.published.spreads import stand_in_text
from replication.report.tables.columns import PrintedColumn, number, part, text
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment

NEEDS = {"scores": "above a floor"}
STOOD_IN = "stood in for"
DECIDED = "decided"
"""Under `how`: the verdict depends on the seeds. Else the words that stand in place of numbers of seeds."""


def _seeds(heading: str, data: str) -> PrintedColumn:
    def write(how: str, seeds: float) -> str:
        if how != DECIDED:
            return how
        return f"more than {SEED_COUNTS[-1]}" if pd.isna(seeds) else f"{seeds:.0f}"

    return PrintedColumn(heading, ("how", data), write)


def _percent(heading: str, data: str) -> PrintedColumn:
    return PrintedColumn(heading, (data,), lambda share: f"{share:.0%}")


_COLUMNS = (
    text("game"),
    text("agent"),
    number("learned (published)", "published_learned"),
    _percent("between runs", "between_runs_share"),
    text("spread from"),
    part("seeds", "seeds_finished", "seeds_planned"),
    _percent("one seed replicates", "chance_of_one"),
    _seeds("seeds for replicated", "seeds_for_replicated"),
    _seeds("seeds for differs, half learned", "seeds_for_differs_half"),
    _seeds("seeds for differs, nothing learned", "seeds_for_differs_floor"),
)

_PAPER_COLUMNS = (
    "game",
    "agent",
    "between runs",
    "one seed replicates",
    "seeds for replicated",
    "seeds for differs, half learned",
    "seeds for differs, nothing learned",
)


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table of the trained agents that have a published score.

    Raises:
        ReplicationError: a damaged run file.
    """
    judged = finished.once(judged_table)
    rows = [_row(experiment, one, judged.family) for one in judged.cells if one.comparison is not None]
    names = [name for column in _COLUMNS for name in column.data]
    frame = pd.DataFrame(rows, columns=list(dict.fromkeys(names)))
    caption = _caption(experiment, finished, frame, judged.family)
    return Table("power", frame, caption, paper_columns=_PAPER_COLUMNS, columns=_COLUMNS)


def _row(experiment: Experiment, one: JudgedCell, family: Family) -> dict[str, Any]:
    assert one.comparison is not None
    run, published = one.cell.run, published_side(one.comparison)
    row: dict[str, Any] = {
        "game": run.task.title,
        "agent": agent_title(run, experiment.judged_runs()),
        "published_learned": one.comparison.published.mean,
        "seeds_finished": len(one.cell.finished),
        "seeds_planned": len(one.cell.runs),
        "how": "unknown",
        "spread_from": "unknown",
    }
    if published is None:
        return row
    row["spread_from"] = STOOD_IN if published.runs is None else f"{published.runs} published runs"
    if published.mean > 0:
        row["between_runs_share"] = published.variance**0.5 / published.mean
    if not one.comparison.informative:
        return row | {"how": "uninformative"}
    if published.variance == 0:
        return row | {"how": "two-point"}
    needed = seeds_needed(published, family)
    return row | {
        "how": DECIDED,
        "chance_of_one": needed.chance_of_one,
        "seeds_for_replicated": needed.replicated,
        "seeds_for_differs_half": needed.differs_half,
        "seeds_for_differs_floor": needed.differs_floor,
    }


def _caption(experiment: Experiment, finished: FinishedRuns, frame: pd.DataFrame, family: Family) -> str:
    if frame.empty or experiment.published is None:
        return f"{experiment.title}: no trained agent of it has a published score, so no verdict needs any seeds."
    stands_in = (frame["spread_from"] == STOOD_IN).any()
    stand_in = f"{stand_in_text(experiment.published.source)} " if stands_in else ""
    reachable = int(frame["seeds_for_replicated"].notna().sum())
    with_one = int((frame["chance_of_one"] >= WANTED_CHANCE).sum())
    shared = f"{family.comparisons} comparisons" + (
        f" and its looks, as {family.size:g}" if family.look_factor > 1 else ""
    )
    return (
        f"{experiment.title}: seeds a game with which a verdict is conclusive in {WANTED_CHANCE:.0%} of experiments, "
        f"beside the published runs as they are. {coverage(experiment, finished)} finished. For `replicated`: agents "
        f"that are truly the same. For `differs`: ours learned {HALF:.0%} of what the published agent did, or nothing. "
        f"Tried: {', '.join(map(str, SEED_COUNTS))} seeds, judged once; the error is that of {shared}. Published runs "
        "that lie close together often do so by luck, so the true spread is drawn about the published one and a tenth "
        "of what was learned, and the true mean about the published mean. Seeds are normal and ours vary as the "
        "published ones do. Learned: raw score above the floor. Between runs: their standard deviation, of what was "
        f"learned. {stand_in}Uninformative: the published agent is not clearly "
        f"above its floor. `replicated` can be reached for {reachable} of {len(frame)} games and agents, with one seed "
        f"for {with_one}."
    )
