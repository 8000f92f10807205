"""Without replay, without target network, in the layout of the article; the best of three learning rates everywhere.

Source: Mnih et al. 2015, Extended Data Table 3.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

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
from replication.report.tables.columns import number, snake_case, text
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment
from replication.specification.run import Run
from replication.specification.tasks.atari_games import find_game

_SWITCHES = tuple(product(("on", "off"), ("on", "off")))
"""Replay, target network; in the article's order."""


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table: a row a game of the article, four pairs of columns: published and ours."""
    table = published_table("nature_2015_table3_ablation")
    rows: list[dict[str, Any]] = []
    rates, ways = {}, lengths_and_protocols(experiment)
    groups = [
        [number(f"{_words(*setting)} ({side})") for side in ("published", *(f"ours{way}" for way in ways))]
        for setting in _SWITCHES
    ]
    for game in dict.fromkeys(table["game"]):
        row: dict[str, Any] = {"game": find_game(game).title}
        for replay, target in _SWITCHES:
            name = _words(replay, target)
            is_printed = (table["game"] == game) & (table["replay"] == replay) & (table["target_network"] == target)
            row[snake_case(f"{name} published")] = table.loc[is_printed, "score"].item()
            for way, trained_so in ways.items():
                ours = best_of_rates(experiment, finished, game, _agent(replay, target, trained_so))
                row[snake_case(f"{name} ours{way}")] = ours.score
                rates[game, replay, target, way] = ours
        rows.append(row)
    columns = (text("game"), *(column for group in groups for column in group))
    complete = sum(found.finished == found.rates > 0 for found in rates.values())
    caption = (
        f"The effect of replay and of a separate target network. {coverage(experiment, finished)} finished. "
        "Published: Mnih et al. 2015, Extended Data Table 3. Each score is the highest mean return of the periodic "
        "evaluations of a training of 10 million steps (40 million frames; episodes not cut at 5 minutes), at the best "
        "of the learning rates tried: the article tried three and does not name them, ours are 0.00025, its half and "
        f"its double. {complete} of {len(rates)} of our scores have all of theirs finished; seeds are averaged before "
        "the best rate is taken. A highest value of several is larger than what the same network would score again, on "
        "both sides. How the article left replay out is not said; ours takes "
        "the newest transitions."
    )
    return Table("nature_table3", pd.DataFrame(rows), caption, columns=columns)


def _words(replay: str, target: str) -> str:
    return f"{_WORDS['replay', replay]}, {_WORDS['target', target]}"


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
