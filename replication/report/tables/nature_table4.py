"""DQN and a linear function approximator, in the layout of the article; the best of three learning rates for both.

Source: Mnih et al. 2015, Extended Data Table 4.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table: a row a game of the article, a pair of columns an agent: published and ours."""
    rows: list[dict[str, Any]] = []
    ways = lengths_and_protocols(experiment)
    for printed in published_table("nature_2015_table4_linear").to_dict("records"):
        game = printed["game"]
        row: dict[str, Any] = {"game": find_game(game).title}
        for name, column, belongs in (("DQN", "dqn", _is_dqn), ("linear", "linear", _is_linear)):
            row[snake_case(f"{name} published")] = printed[column]
            for way, trained_so in ways.items():
                asked = partial(_both, belongs, trained_so)
                row[snake_case(f"{name} ours{way}")] = best_of_rates(experiment, finished, game, asked).score
        rows.append(row)
    caption = (
        f"DQN and a linear function approximator in its place. {coverage(experiment, finished)} finished. "
        "Published: Mnih et al. 2015, Extended Data Table 4. Each score is the highest mean return of the periodic "
        "evaluations of a training of 10 million steps (40 million frames; episodes not cut at 5 minutes), at the best "
        "of the learning rates tried: the article tried three and does not name them, ours are 0.00025, its half and "
        "its double; seeds are averaged before the best rate is taken."
    )
    groups = [
        [number(f"{name} ({side})") for side in ("published", *(f"ours{way}" for way in ways))]
        for name in ("DQN", "linear")
    ]
    columns = (text("game"), *(column for group in groups for column in group))
    return Table("nature_table4", pd.DataFrame(rows), caption, columns=columns)


def _both(first: Callable[[Run], bool], second: Callable[[Run], bool], run: Run) -> bool:
    return first(run) and second(run)


def _is_dqn(run: Run) -> bool:
    trains = run.family.trains and not is_linear(run)
    return trains and has_replay(run) and has_target_network(run)


def _is_linear(run: Run) -> bool:
    return run.family.trains and is_linear(run)
