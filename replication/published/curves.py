"""Published learning curves: Dopamine's of each game, and DQN Zoo's over all of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd

from replication.foundation.errors import unknown_name
from replication.published.loader import PUBLISHED, published_table
from replication.published.schemas import DQN_ZOO_AGENTS

_CURVE = ["frames_millions", "score_mean", "score_std", "score_min", "score_max", "runs"]


def curve_games(source: str, folder: Path = PUBLISHED) -> set[str]:
    """Return the games that a source has learning curves of."""
    return {game for game, _ in _all_curves(source, folder)}


def curve_agents(source: str, game: str, folder: Path = PUBLISHED) -> list[str]:
    """List the agents whose learning curves of a game a source has, by name."""
    return sorted(agent for at, agent in _all_curves(source, folder) if at == game)


def training_curve(source: str, game: str, agent: str, folder: Path = PUBLISHED) -> pd.DataFrame:
    """Return the published training return of an agent at every million frames.

    Args:
        source: a table of learning curves, `dopamine_curves`.
        game: ROM id.
        agent: as the source names it.
        folder: where the files lie.

    Returns:
        199 rows: `frames_millions` (emulator frames, 1 to 199; the training iteration that ended there), `score_mean`,
        `score_std` (sample standard deviation), `score_min`, `score_max` over `runs` runs. A run's value is the mean
        raw return of the training episodes of the iteration: sticky actions, training epsilon 0.01.

    Raises:
        ReplicationError: no such curve, or the file is damaged.

    Source: google/dopamine baselines/atari/data (Castro et al. 2018).
    """
    curves = _all_curves(source, folder)
    if game not in curve_games(source, folder):
        raise unknown_name(f"game in {source}", game, curve_games(source, folder))
    if (game, agent) not in curves:
        raise unknown_name(f"agent in {source}", agent, {of for at, of in curves if at == game})
    return curves[game, agent].copy()


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
def _all_curves(source: str, folder: Path) -> dict[tuple[str, str], pd.DataFrame]:
    """Read the whole file by game and agent, once a process; only copies are handed out."""
    table = published_table(source, folder=folder).sort_values("frames_millions")
    curves = table.groupby(["game", "agent"])
    return {(str(game), str(agent)): rows[_CURVE].reset_index(drop=True) for (game, agent), rows in curves}
