"""Random play at 10 and at 60 actions a second: whether each is the article's, and what it does to DQN's scores.

Each rate's episodes are compared with the article's mean of 30. The article says that random play at 60 Hz changes the
normalized score of DQN by more than 5 % in six games, which it names. Here its DQN scores are normalized once with our
random agent at 10 Hz and once with ours at 60 Hz.

Source: Mnih et al. 2015, Methods, "Evaluation procedure".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from replication.analysis.cells import Cell
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.judged_cells import JudgedCell, JudgedTable, judged_table
from replication.analysis.learning_curves import unlike_parts
from replication.analysis.random_games import compare_episodes
from replication.analysis.random_play import ENOUGH_EPISODES, FOUND_SHARE
from replication.analysis.random_tables import all_games_text
from replication.analysis.verdict_conventions import NOTHING_LEARNED_ERROR
from replication.published.loader import published_table
from replication.published.references import ReferenceSet, normalized_score, reference_set
from replication.report.tables.columns import PrintedColumn, is_missing, number, text, yes_or_no
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment
from replication.specification.families.untrained import RandomAgentConfig
from replication.specification.run import Run
from replication.specification.tasks.atari_games import find_game

NEEDS = {"games": "one of nature49"}
NAMED_BY_THE_ARTICLE = ("boxing", "breakout", "crazy_climber", "demon_attack", "krull", "robotank")
LARGE_PERCENT = 5.0
_FRAMES_A_SECOND = 60
RATES_HZ = (10, 60)


def _of_change(_: float, percent: float) -> str:
    return "of zero" if is_missing(percent) else f"{percent:+z.1f}"


_COLUMNS = (
    text("game"),
    number("random (published)", "random_published", missing=""),
    number("random, 10 Hz", "random_10hz"),
    number("random, 60 Hz", "random_60hz"),
    text("verdict, 10 Hz", "verdict_10hz"),
    text("verdict, 60 Hz", "verdict_60hz"),
    number("found from", "detectable_10hz", missing=""),
    number("DQN (published)", "dqn_published"),
    number("normalized %, 10 Hz", "normalized_10hz"),
    number("normalized %, 60 Hz", "normalized_60hz"),
    PrintedColumn("change %", ("normalized_10hz", "change_percent"), _of_change, "missing"),
    yes_or_no("above 5 %", "above_5_percent", missing="missing"),
    yes_or_no("named by the article"),
)
_DATA_BESIDE = (
    "z_10hz",
    "z_60hz",
    "p_10hz",
    "p_60hz",
    "detectable_60hz",
    "episodes_10hz",
    "episodes_60hz",
    "published_episodes",
)
"""Columns of the data that are not printed."""


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table: a row for every game of the article that the experiment plays at both rates."""
    judged = finished.once(judged_table)
    published = published_table("nature_2015_table2").set_index("game")["dqn_mean"]
    games = [game for game in dict.fromkeys(run.task.name for run in experiment.runs()) if game in published.index]
    shown = list(product(games, _ways(experiment)))
    rows = [_row(experiment, judged, game, way, float(published[game])) for game, way in shown]
    above = [game for (game, _), row in zip(shown, rows, strict=True) if row.get("above_5_percent")]
    names = [name for column in _COLUMNS for name in column.data]
    frame = pd.DataFrame(rows, columns=list(dict.fromkeys([*names, *_DATA_BESIDE])))
    caption = _caption(experiment, finished, games, list(dict.fromkeys(above)), _tests_caption(rows, judged))
    return Table("random_rates", frame, caption, columns=_COLUMNS)


def _row(experiment: Experiment, judged: JudgedTable, game: str, way: tuple[str, ...], dqn: float) -> dict[str, Any]:
    """Return the data of a game, both rates beside the article's random agent and under its DQN."""
    cells = [_cell(experiment, judged, rate, game, way) for rate in RATES_HZ]
    slow = cells[0]
    row: dict[str, Any] = {
        "game": ", ".join([find_game(game).title, *way]),
        "dqn_published": dqn,
        "random_published": None if slow is None or slow.counterpart is None else slow.counterpart.score,
        "named_by_the_article": game in NAMED_BY_THE_ARTICLE,
    }
    means = []
    for rate, one in zip(RATES_HZ, cells, strict=True):
        means.append(None if one is None else _mean(one.cell))
        row[f"random_{rate}hz"] = means[-1]
        row |= _beside_the_article(one, slow, judged.family.comparisons, f"{rate}hz")
    change = _change(dqn, game, reference_set("nature49_5min"), means)
    if change is not None:
        row |= dict(zip(("normalized_10hz", "normalized_60hz", "change_percent"), change, strict=True))
        row["above_5_percent"] = change[2] is not None and abs(change[2]) > LARGE_PERCENT
    return row


def _beside_the_article(one: JudgedCell | None, slow: JudgedCell | None, comparisons: int, rate: str) -> dict[str, Any]:
    """Return what the test of a game finds; nothing where an episode or the published score is missing."""
    counterpart = None if slow is None else slow.counterpart
    if one is None or counterpart is None:
        return {}
    played = compare_episodes(one.cell, counterpart, comparisons)
    if played is None:
        return {}
    return {
        f"verdict_{rate}": played.word,
        f"z_{rate}": played.z,
        f"p_{rate}": played.p,
        f"detectable_{rate}": played.detectable,
        f"episodes_{rate}": played.episodes,
        "published_episodes": counterpart.episodes,
    }


def _cell(
    experiment: Experiment, judged: JudgedTable, rate_hz: int, game: str, way: tuple[str, ...]
) -> JudgedCell | None:
    """Return the random agent of a rate on a game; None where the experiment has none."""
    found = (
        one
        for one in judged.cells
        if (_rate_hz(one.cell.run), one.cell.run.task.name) == (rate_hz, game) and _way(one.cell.run, experiment) == way
    )
    return next(found, None)


def _ways(experiment: Experiment) -> list[tuple[str, ...]]:
    """Return in what the runs of one rate are not all alike, but for game and seed; one empty tuple where they are."""
    runs = [run for run in experiment.runs() if _rate_hz(run) in RATES_HZ]
    return list(dict.fromkeys(_way(run, experiment) for run in runs)) or [()]


def _way(run: Run, experiment: Experiment) -> tuple[str, ...]:
    same = [other for other in experiment.runs() if other.variant.variant == run.variant.variant]
    return tuple(unlike_parts(run, same))


def _mean(cell: Cell) -> float | None:
    """Return the mean over all finished episodes, raw return; None where none is."""
    return float(np.mean(cell.episode_returns)) if cell.episode_returns else None


def _rate_hz(run: Run) -> float | None:
    """Return the actions a second of a random agent; None for any other agent."""
    settings = run.settings
    return _FRAMES_A_SECOND / settings.action_period_frames if isinstance(settings, RandomAgentConfig) else None


def _change(
    dqn: float, game: str, references: ReferenceSet, means: Sequence[float | None]
) -> tuple[float, float, float | None] | None:
    """Return the normalized score of DQN with each random score, and the percentage the second is off the first.

    Returns: None where a rate has no score; no percentage where the first is zero (Montezuma's Revenge: all are 0).
    """
    normalized = []
    for mean in means:
        if mean is None:
            return None
        ours = replace(references, random={**references.random, game: mean})
        normalized.append(normalized_score(dqn, game, ours))
    slow, fast = normalized
    return slow, fast, 100.0 * (fast - slow) / abs(slow) if slow else None


def _caption(
    experiment: Experiment,
    finished: FinishedRuns,
    games: Sequence[str],
    large: Sequence[str],
    tests: Sequence[str],
) -> str:
    def titles(names: Sequence[str]) -> str:
        return ", ".join(find_game(name).title for name in names) or "none"

    named = NAMED_BY_THE_ARTICLE
    both = sum(game in named for game in large)
    parts = [
        "The article's DQN scores, normalized with our random agent at 10 and at 60 actions a second and the article's",
        f"human scores. {coverage(experiment, finished)} finished. Change: of the normalized score at 60 Hz, in",
        f"percent of that at 10 Hz. Above {LARGE_PERCENT:g} %: {len(large)} of {len(games)} games ({titles(large)});",
        f"the article names {len(named)} ({titles(named)}), {both} of them among these. Where a normalized score is",
        "near 0, a small change is a large part of it.",
        *tests,
        "Source: Mnih et al. 2015, Methods, Evaluation procedure; Extended Data Table 2.",
    ]
    return " ".join(parts)


def _tests_caption(rows: Sequence[dict[str, Any]], judged: JudgedTable) -> list[str]:
    """Say how each rate stands to the article's random agent; nothing where no game was compared."""
    published = {row["published_episodes"] for row in rows if "published_episodes" in row}
    counts = [row[f"episodes_{rate}hz"] for row in rows for rate in RATES_HZ if f"episodes_{rate}hz" in row]
    if not counts:
        return []
    said = [
        f"Beside the article's random scores, each of {max(published)} episodes: a game `differs` where a",
        f"bootstrap of our own episodes gives its difference a p of at most {NOTHING_LEARNED_ERROR:g} over the table's",
        f"{judged.family.comparisons} comparisons; found from: the difference at 10 Hz that would be found in",
        f"{FOUND_SHARE:.0%} of experiments.",
    ]
    for rate in RATES_HZ:
        words = [row.get(f"verdict_{rate}hz") for row in rows]
        if compared := len(words) - words.count(None):
            said.append(f"At {rate} Hz {words.count('differs')} of {compared} games differ.")
    least, most = min(counts), max(counts)
    episodes = f"{least}" if least == most else f"{least} to {most}"
    few = "" if least >= ENOUGH_EPISODES else f"; with fewer than {ENOUGH_EPISODES} more tables err than is promised"
    return [*said, f"Ours: {episodes} episodes a game{few}.", all_games_text(judged)]
