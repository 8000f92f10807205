"""Published learning curves: Dopamine's of each game, and DQN Zoo's over all of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd

from replication.foundation.errors import unknown_name
from replication.published.loader import PUBLISHED, published_table
from replication.published.schemas import DOPAMINE_AGENTS, DOPAMINE_GAMES, DQN_ZOO_AGENTS

_CURVE = ["frames_millions", "score_mean", "score_std", "score_min", "score_max", "runs"]


def dopamine_curve(game: str, agent: str, folder: Path = PUBLISHED) -> pd.DataFrame:
    """Return the training return of one of Dopamine's agents at every million frames.

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


def dqn_zoo_curve(agent: str, folder: Path = PUBLISHED) -> pd.DataFrame:
    """Return the median normalised score over 57 games of one of DQN Zoo's agents, at every million frames.

    Args:
        agent: DQN, Double DQN, Prioritized DQN, C51, QR-DQN, Rainbow or IQN.
        folder: where the files lie.

    Returns:
        201 rows, by `frames_millions` (emulator frames, 0 to 200): `median_over_seeds`, `band_low` and `band_high` in
        percent of the 57-game set. Evaluation returns, smoothed over 10 evaluations, median over games for each of 5
        seeds, then median over seeds; the band is the least and the greatest seed.

    Raises:
        ReplicationError: no such agent, or the file is damaged.

    Source: google-deepmind/dqn_zoo 45061f4 plot_atari_summary.svg.
    """
    if agent not in DQN_ZOO_AGENTS:
        raise unknown_name("agent among DQN Zoo's curves", agent, DQN_ZOO_AGENTS)
    table = published_table("dqn_zoo_summary_curves", folder=folder)
    rows = table[table["agent"] == agent]
    return rows.pivot(index="frames_millions", columns="statistic", values="value_percent").reset_index()


@cache
def _all_curves(folder: Path) -> dict[tuple[str, str], pd.DataFrame]:
    """Read the whole file by game and agent, once a process; only copies are handed out."""
    table = published_table("dopamine_curves", folder=folder).sort_values("frames_millions")
    curves = table.groupby(["game", "agent"])
    return {(str(game), str(agent)): rows[_CURVE].reset_index(drop=True) for (game, agent), rows in curves}
