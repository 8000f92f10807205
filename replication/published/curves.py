"""Dopamine's learning curves, and the spread between runs that stands in where a paper prints none."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import pandas as pd

from replication.errors import unknown_name
from replication.published.loader import PUBLISHED, published_table
from replication.published.references import reference_set
from replication.published.schemas import DOPAMINE_AGENTS, DOPAMINE_GAMES

_CURVE = ["frames_millions", "score_mean", "score_std", "score_min", "score_max", "runs"]
_CV_POINTS = 10
"""Points at the end of a curve that the coefficient of variation is taken over: frames 190 to 199 million."""
_LEAST_GAP_PERCENT = 1.0
"""A curve that ends nearer to the random score than this is treated as if it ended this far from it."""


def dopamine_curve(game: str, agent: str, folder: Path = PUBLISHED) -> pd.DataFrame:
    """Training return of one of Dopamine's agents at every million frames.

    Args:
        game: ROM id.
        agent: DQN, C51, Rainbow, IQN, DQN_Adam_MSE_JAX or Quantile_JAX.
        folder: where the files lie.

    Returns:
        199 rows: `frames_millions` (emulator frames, 1 to 199; the training iteration that ended there), `score_mean`,
        `score_std` (sample standard deviation), `score_min`, `score_max` over `runs` runs. A run's value is the mean
        raw return of the training episodes of the iteration: sticky actions, training epsilon 0.01.

    Raises:
        ReplicationError: no such curve, or the file is damaged.

    Source: google/dopamine baselines/atari/data (Castro et al. 2018).
    """
    if game not in DOPAMINE_GAMES:
        raise unknown_name("game among the Dopamine curves", game, DOPAMINE_GAMES)
    if agent not in DOPAMINE_AGENTS:
        raise unknown_name("agent among the Dopamine curves", agent, DOPAMINE_AGENTS)
    return _all_curves(folder)[game, agent].copy()


def between_run_cv(game: str, agent: str = "DQN", folder: Path = PUBLISHED) -> float:
    """Between-run coefficient of variation of a game, a plain ratio (0.1 = 10 %).

    With mean(t) and std(t) over the runs at the last 10 points t of the curve (190 to 199 million frames), and random
    and human of the 30-minute, 57-game set:

        cv = sqrt(average of std(t)^2) / max(|average of mean(t) - random|, 0.01 |human - random|)

    so that `cv * |normalised score|` is a standard deviation between runs in normalised points. Distances are taken
    from the random score, because that is where normalised points start. The lower limit of one normalised point keeps
    games in which nothing is learned (Montezuma's Revenge) from having an endless spread. The return of one iteration
    stands in std(t), so its own sampling noise is included: a little wide rather than a little narrow.

    Raises:
        ReplicationError: no such curve, or a file is damaged.
    """
    end = dopamine_curve(game, agent, folder).tail(_CV_POINTS)
    references = reference_set("atari57_30min", folder)
    random, human = references.random[game], references.human[game]
    spread = math.sqrt(float((end["score_std"] ** 2).mean()))
    gap = abs(float(end["score_mean"].mean()) - random)
    return spread / max(gap, _LEAST_GAP_PERCENT / 100.0 * abs(human - random))


@cache
def _all_curves(folder: Path) -> dict[tuple[str, str], pd.DataFrame]:
    """The whole file by game and agent, read once a process; only copies are handed out."""
    table = published_table("dopamine_curves", folder=folder).sort_values("frames_millions")
    curves = table.groupby(["game", "agent"])
    return {(str(game), str(agent)): rows[_CURVE].reset_index(drop=True) for (game, agent), rows in curves}
