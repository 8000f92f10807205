"""The errors of a score table's verdicts, from simulated tables of its own games, scores and spreads."""

from __future__ import annotations

import pandas as pd

from replication.analysis.finished import FinishedRuns
from replication.analysis.judged_games import as_simulated, comparisons_judged
from replication.analysis.power import JudgedGames, simulate_table
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment

SEEDS = (1, 2, 3, 5, 10)
MARGINS_APART = (0.0, 0.5, 0.99, 1.01, 1.5, 2.0)
"""True differences in margins; the errors are most frequent beside the margin."""
STAND_IN_FACTORS = (1.0, 0.5)
"""A stood-in spread that is right, and one that is half the true spread, which is what would break the promise."""
_TABLES = 1_000
_COLUMNS = (
    "seeds a game",
    "true difference (margins)",
    "stood-in spread / true",
    "replicated",
    "differs",
    "inconclusive",
    "tables with a false replicated",
    "tables with a false differs",
    "tables with any false verdict",
)

NEEDS = {"scores": "normalised"}


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table of the comparisons of trained agents whose spread between runs is known.

    Raises:
        ReplicationError: a damaged run file.
    """
    judged, level = finished.once(comparisons_judged)
    games = as_simulated(judged)
    rows = [
        _row(games, seeds, apart, factor, level)
        for factor in STAND_IN_FACTORS
        for seeds in SEEDS
        for apart in MARGINS_APART
        if len(games.published)
    ]
    worst = max((float(row[-1].rstrip(" %")) for row in rows if row[2] == "1"), default=0.0)
    caption = (
        f"{experiment.title}: {_TABLES:,} simulated score tables of its {len(games.published)} comparisons, for each "
        "number of seeds and each true difference, which all games share. A verdict is false where it says `differs` "
        "with the true difference inside the margin, or `replicated` with it outside; the margin is that of the "
        "printed score. Claimed: at most 5 % of tables have any false verdict. Found: at most "
        f"{worst:.1f} % where stood-in spreads are right (the simulation's own standard error is 0.7 points at 5 %). "
        "Where they are half the true ones, the claim need not hold. Published scores, spreads between runs and the "
        f"level of each interval ({level:.2%}) are the table's own; seeds are normal."
        if rows
        else f"{experiment.title}: no trained agent of it has a published score with a spread between runs."
    )
    return Table("verdict_errors", pd.DataFrame(rows, columns=list(_COLUMNS)), caption)


def _row(games: JudgedGames, seeds: int, apart: float, factor: float, level: float) -> tuple[str, ...]:
    found = simulate_table(games, seeds=seeds, margins_apart=apart, level=level, tables=_TABLES, stand_in_factor=factor)
    shares = (
        found.replicated,
        found.differs,
        1.0 - found.replicated - found.differs,
        found.any_false_replicated,
        found.any_false_differs,
        found.any_false,
    )
    return (str(seeds), f"{apart:g}", f"{factor:g}", *(f"{100 * share:.1f} %" for share in shares))
