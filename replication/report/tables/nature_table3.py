"""Without replay, without target network, in the layout of the article; the best of three learning rates everywhere.

Source: Mnih et al. 2015, Extended Data Table 3.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pandas as pd

from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.nature_ablations import (
    best_of_rates,
    has_replay,
    has_target_network,
    is_linear,
    lengths_and_protocols,
)
from replication.published.loader import published_table
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment
from replication.specification.run import Run
from replication.specification.tasks.atari_games import find_game

_SWITCHES = tuple(product(("on", "off"), ("on", "off")))
"""Replay, target network; in the article's order."""


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table: a row a game of the article, four pairs of columns: published and ours."""
    table = published_table("nature_2015_table3_ablation")
    rows, rates, ways = [], {}, lengths_and_protocols(experiment)
    for game in dict.fromkeys(table["game"]):
        row, columns = {"game": find_game(game).title}, []
        for replay, target in _SWITCHES:
            heading = f"{_WORDS['replay', replay]}, {_WORDS['target', target]}"
            is_printed = (table["game"] == game) & (table["replay"] == replay) & (table["target_network"] == target)
            published = f"{heading} (published)"
            row[published] = f"{table.loc[is_printed, 'score'].item():,.1f}"
            for way, trained_so in ways.items():
                ours = best_of_rates(experiment, finished, game, _agent(replay, target, trained_so))
                row[f"{heading} (ours{way})"] = str(ours)
                rates[game, replay, target, way] = ours
            columns.append((published, *(f"{heading} (ours{way})" for way in ways)))
        rows.append(row)
    complete = sum(found.finished == found.rates > 0 for found in rates.values())
    caption = (
        f"The effect of replay and of a separate target network. {coverage(experiment, finished)} finished. "
        "Published: Mnih et al. 2015, Extended Data Table 3. Each score is the highest mean return of the periodic "
        "evaluations of a training of 10 million steps (40 million frames; episodes not cut at 5 minutes), at the best "
        "of the learning rates tried: the article tried three and does not name them, ours are 0.00025, its half and "
        f"its double. {complete} of {len(rates)} of our scores have all of theirs finished; seeds are averaged before "
        "the best rate is taken. A highest value of several is larger than what the same network would score again, on "
        "both sides. Bold: the higher of published and ours. How the article left replay out is not said; ours takes "
        "the newest transitions."
    )
    return Table("nature_table3", pd.DataFrame(rows), caption, tuple(columns))


_WORDS = {
    ("replay", "on"): "replay",
    ("replay", "off"): "no replay",
    ("target", "on"): "target network",
    ("target", "off"): "no target network",
}


def _agent(replay: str, target: str, trained_so: Callable[[Run], bool]) -> Callable[[Run], bool]:
    def belongs(run: Run) -> bool:
        return (
            run.family.trains
            and trained_so(run)
            and not is_linear(run)
            and (has_replay(run), has_target_network(run)) == (replay == "on", target == "on")
        )

    return belongs
