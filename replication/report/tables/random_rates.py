"""The article's scores, normalised with the random agent at 10 and at 60 actions a second.

The article says that random play at 60 Hz changes the normalised score of DQN by more than 5 % in six games, which it
names. Here its DQN scores are normalised once with our random agent at 10 Hz and once with ours at 60 Hz.

Source: Mnih et al. 2015, Methods, "Evaluation procedure".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd

from replication.analysis.finished import FinishedRun, FinishedRuns, coverage
from replication.analysis.learning_curves import unlike_parts
from replication.published.loader import published_table
from replication.published.references import ReferenceSet, normalized_score, reference_set
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


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table: a row for every game of the article that the experiment plays at both rates."""
    references = reference_set("nature49_5min")
    published = published_table("nature_2015_table2").set_index("game")["dqn_mean"]
    games = [game for game in dict.fromkeys(run.task.name for run in experiment.runs()) if game in published.index]
    rows, large = [], []
    for game, way in product(games, _ways(experiment)):
        means = [_mean(experiment, finished, rate, game, way) for rate in RATES_HZ]
        row = {"game": ", ".join([find_game(game).title, *way]), "DQN (published)": f"{published[game]:,.1f}"}
        for rate, mean in zip(("10 Hz", "60 Hz"), means, strict=True):
            row[f"random, {rate}"] = "missing" if mean is None else f"{mean:z,.1f}"
        change = _change(float(published[game]), game, references, means)
        if change is None:
            row |= {"normalized %, 10 Hz": "missing", "normalized %, 60 Hz": "missing", "change %": "missing"}
        else:
            slow, fast, percent = change
            row |= {
                "normalized %, 10 Hz": f"{slow:z,.1f}",
                "normalized %, 60 Hz": f"{fast:z,.1f}",
                "change %": "of zero" if percent is None else f"{percent:+z.1f}",
            }
        above = change is not None and change[2] is not None and abs(change[2]) > LARGE_PERCENT
        large += [game] if above and game not in large else []
        row["above 5 %"] = "missing" if change is None else "yes" if above else "no"
        row["named by the article"] = "yes" if game in NAMED_BY_THE_ARTICLE else "no"
        rows.append(row)
    return Table("random_rates", pd.DataFrame(rows), _caption(experiment, finished, games, large))


def _ways(experiment: Experiment) -> list[tuple[str, ...]]:
    """Return in what the runs of one rate are not all alike, but for game and seed; one empty tuple where they are."""
    runs = [run for run in experiment.runs() if _rate_hz(run) in RATES_HZ]
    return list(dict.fromkeys(_way(run, experiment) for run in runs)) or [()]


def _way(run: Run, experiment: Experiment) -> tuple[str, ...]:
    same = [other for other in experiment.runs() if other.variant.variant == run.variant.variant]
    return tuple(unlike_parts(run, same))


def _mean(
    experiment: Experiment, finished: Sequence[FinishedRun], rate_hz: int, game: str, way: tuple[str, ...]
) -> float | None:
    """Return the mean over seeds of the mean returns; None where a rate has no finished run."""
    scores = [
        float(found.episodes["return"].mean())
        for found in finished
        if found.episodes is not None
        and (_rate_hz(found.run), found.run.task.name) == (rate_hz, game)
        and _way(found.run, experiment) == way
    ]
    return float(np.mean(scores)) if scores else None


def _rate_hz(run: Run) -> float | None:
    """Return the actions a second of a random agent; None for any other agent."""
    settings = run.settings
    return _FRAMES_A_SECOND / settings.action_period_frames if isinstance(settings, RandomAgentConfig) else None


def _change(
    dqn: float, game: str, references: ReferenceSet, means: Sequence[float | None]
) -> tuple[float, float, float | None] | None:
    """Return the normalised score of DQN with each random score, and the percentage the second is off the first.

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
    experiment: Experiment, finished: Sequence[FinishedRun], games: Sequence[str], large: Sequence[str]
) -> str:
    def titles(names: Sequence[str]) -> str:
        return ", ".join(find_game(name).title for name in names) or "none"

    named = NAMED_BY_THE_ARTICLE
    both = sum(game in named for game in large)
    parts = [
        "The article's DQN scores, normalised with our random agent at 10 and at 60 actions a second and the article's",
        f"human scores. {coverage(experiment, finished)} finished. Change: of the normalised score at 60 Hz, in",
        f"percent of that at 10 Hz. Above {LARGE_PERCENT:g} %: {len(large)} of {len(games)} games ({titles(large)});",
        f"the article names {len(named)} ({titles(named)}), {both} of them among these. Where a normalised score is",
        "near 0, a small change is a large part of it. Source: Mnih et al. 2015, Methods, Evaluation procedure;",
        "Extended Data Table 2.",
    ]
    return " ".join(parts)
