"""The errors of a score table's verdicts, from simulated tables of its own comparisons and spreads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from replication.analysis.finished import FinishedRuns
from replication.analysis.judged_cells import JudgedTable, judged_table
from replication.analysis.power import published_side
from replication.analysis.simulated_verdicts import JudgedSides, Scatter, simulate_tables
from replication.analysis.verdict_conventions import DIFFERS_ERROR, MARGIN_SHARE, REPLICATED_ERROR, Family
from replication.report.tables.columns import PrintedColumn, number, text
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment

NEEDS = {"scores": "normalized"}
AS_ASSUMED = "normal, ours as theirs"
SEEDS = (1, 2, 3, 5, 10)
SHARES = (0.0, 0.5, 1.0 - MARGIN_SHARE, 0.9, 1.0, 1.1, 1.0 + MARGIN_SHARE, 1.5)
"""True shares; the errors are most frequent a quarter from 1."""
OTHERWISE = {
    "ours half as wide": Scatter(0.5),
    "ours one and a half times as wide": Scatter(1.5),
    "ours twice as wide": Scatter(2.0),
    "a long upper tail": Scatter(skewness=4.0),
    "a long lower tail": Scatter(skewness=-4.0),
    "one run in ten never learns": Scatter(never_learns=0.1),
}
SEEDS_OTHERWISE = (1, 2, 3)
SHARES_OTHERWISE = (1.0 - MARGIN_SHARE, 1.0, 1.0 + MARGIN_SHARE)
_TABLES = 1_000


def _percent(heading: str, data: str) -> PrintedColumn:
    return PrintedColumn(heading, (data,), lambda share: f"{share:.1%}", "none possible")


_COLUMNS = (
    text("runs scatter"),
    number("seeds a game", "seeds", digits=0),
    number("true share", digits=2),
    _percent("replicated", "replicated"),
    _percent("differs", "differs"),
    _percent("inconclusive", "inconclusive"),
    _percent("uninformative", "uninformative"),
    _percent("tables with a false replicated", "any_false_replicated"),
    _percent("tables with a false differs", "any_false_differs"),
)


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table of the comparisons of trained agents whose published runs are informative.

    Raises:
        ReplicationError: a damaged run file.
    """
    judged = finished.once(judged_table)
    sides = judged_sides(judged)
    rows = [] if not len(sides.spreads) else _rows(sides, judged.family)
    names = [name for column in _COLUMNS for name in column.data]
    frame = pd.DataFrame(rows, columns=names)
    return Table("verdict_errors", frame, _caption(experiment, frame, sides), columns=_COLUMNS)


def judged_sides(judged: JudgedTable) -> JudgedSides:
    """Return the informative comparisons of a table, in which several learning rates of one agent are one."""
    found: dict[tuple[Any, ...], tuple[float, int | None]] = {}
    for one in judged.cells:
        published = None if one.comparison is None else published_side(one.comparison)
        if one.comparison is None or published is None or one.counterpart is None:
            continue
        if one.comparison.informative and published.variance > 0:
            run = one.cell.run
            key = (one.counterpart.agent, run.task.name, run.protocol.protocol, run.budget)
            found[key] = (published.variance**0.5 / published.mean, published.runs)
    spreads = np.array([spread for spread, _ in found.values()], dtype=np.float64)
    return JudgedSides(spreads, tuple(runs for _, runs in found.values()))


def _rows(sides: JudgedSides, family: Family) -> list[dict[str, Any]]:
    rows = []
    laws: list[tuple[str, Scatter, tuple[int, ...], tuple[float, ...]]] = [(AS_ASSUMED, Scatter(), SEEDS, SHARES)]
    laws += [(name, scatter, SEEDS_OTHERWISE, SHARES_OTHERWISE) for name, scatter in OTHERWISE.items()]
    for name, scatter, seed_counts, shares in laws:
        for seeds in seed_counts:
            for found in simulate_tables(sides, family, seeds=seeds, shares=shares, tables=_TABLES, scatter=scatter):
                conclusive = found.replicated + found.differs
                rows.append(
                    {
                        "runs_scatter": name,
                        "seeds": seeds,
                        "true_share": found.share,
                        "replicated": found.replicated,
                        "differs": found.differs,
                        "inconclusive": max(0.0, 1.0 - conclusive - found.uninformative),
                        "uninformative": found.uninformative,
                        "any_false_replicated": found.any_false_replicated,
                        "any_false_differs": found.any_false_differs,
                    }
                )
    return rows


def _caption(experiment: Experiment, frame: pd.DataFrame, sides: JudgedSides) -> str:
    if frame.empty:
        return f"{experiment.title}: no trained agent of it has an informative published score with a spread."
    assumed = frame["runs_scatter"] == AS_ASSUMED
    worst = frame.groupby(assumed)[["any_false_replicated", "any_false_differs"]].max()
    return (
        f"{experiment.title}: {_TABLES:,} simulated score tables of its {len(sides.spreads)} informative comparisons, "
        "for each number of seeds and each true share of what the published agent learned, which all games have. A "
        f"verdict is false where it says `replicated` with the true share {MARGIN_SHARE:.0%} or more from 1, or "
        f"`differs` with it {MARGIN_SHARE:.0%} or less. Promised, where runs are normal and ours scatter as the "
        f"published ones: at most {REPLICATED_ERROR:.0%} of tables have a false `replicated`, and at most "
        f"{2 * DIFFERS_ERROR:.0%} a false `differs`. Found: {worst.loc[True].iloc[0]:.1%} and "
        f"{worst.loc[True].iloc[1]:.1%} at most (a simulation's own standard error is 0.7 points at 5 %). Where they "
        f"scatter otherwise nothing is promised, and found are up to {worst.loc[False].iloc[0]:.1%} and "
        f"{worst.loc[False].iloc[1]:.1%}: our runs half, one and a half or twice as wide as the published ones; both "
        "sides with a long tail (the shape of a log-normal of skewness 4, or its mirror image); both with one run in "
        "ten at the floor. The spreads are the published ones, of what was learned, taken as true."
    )
