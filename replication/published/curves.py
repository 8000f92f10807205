"""Published learning curves: Dopamine's and those of on-policy agents by game, and DQN Zoo's over all games."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from replication.foundation.errors import ReplicationError, unknown_name
from replication.published.loader import PUBLISHED, published_table
from replication.published.schemas import DQN_ZOO_AGENTS

_WIDEST_GAP_MILLIONS = 2.0
"""Between the points of the coarsest curve; where lines are hidden behind others the gaps are wider."""
_BEYOND_MILLIONS = 1.0
_CURVE = ["frames_millions", "score_mean", "score_std", "score_min", "score_max", "runs"]


def curve_games(source: str, folder: Path = PUBLISHED) -> set[str]:
    """Return the games that a source has learning curves of."""
    return {game for game, _ in _all_curves(source, folder)}


def curve_agents(source: str, game: str, folder: Path = PUBLISHED) -> list[str]:
    """List the agents whose learning curves of a game a source has, by name."""
    return sorted(agent for at, agent in _all_curves(source, folder) if at == game)


def training_curve(source: str, game: str, agent: str, folder: Path = PUBLISHED) -> pd.DataFrame:
    """Return the published training return of an agent at every point of its curve.

    Args:
        source: a table of learning curves: `dopamine_curves`, or a file of the folder `curves`.
        game: ROM id.
        agent: as the source names it.
        folder: where the files lie.

    Returns:
        By `frames_millions` (emulator frames, ascending): `score_mean`, `score_std` (sample standard deviation),
        `score_min`, `score_max` over `runs` runs; NaN where a source has none. Of Dopamine 199 rows, 1 to 199: a run's
        value is the mean raw return of the training episodes of the iteration that ended there, with sticky actions
        and training epsilon 0.01. What the value of another source is, its recipe says (`find_recipe`).

    Raises:
        ReplicationError: no such curve, or the file is damaged.

    Source: google/dopamine baselines/atari/data (Castro et al. 2018); SOURCES.md.
    """
    curves = _all_curves(source, folder)
    if game not in curve_games(source, folder):
        raise unknown_name(f"game in {source}", game, curve_games(source, folder))
    if (game, agent) not in curves:
        raise unknown_name(f"agent in {source}", agent, {of for at, of in curves if at == game})
    return curves[game, agent].copy()


@dataclass(frozen=True)
class CurvePoint:
    """The value of a published curve at a number of frames.

    Attributes:
        score: mean over `runs`, raw score.
        std: sample standard deviation between the runs, raw score; None where the source has none.
        runs: of training.
    """

    score: float
    std: float | None
    runs: int


def curve_point(source: str, game: str, agent: str, frames: int, folder: Path = PUBLISHED) -> CurvePoint:
    """Return the value of a published curve at a number of emulator frames.

    Between two points it is that of the line between them, and so is the deviation; curves have a point every 0.4 to 2
    million frames, and are smooth. Up to a million frames beyond its last point it is that of the last: the drawn ones
    end a little before the training does.

    Raises:
        ReplicationError: no such curve; it begins later, ends earlier or has no neighboring points; a damaged file.
    """
    curve = training_curve(source, game, agent, folder)
    at = frames / 1e6
    before, after = curve[curve["frames_millions"] <= at].tail(1), curve[curve["frames_millions"] >= at].head(1)
    if after.empty and at <= curve["frames_millions"].max() + _BEYOND_MILLIONS:
        after = before
    if before.empty or after.empty:
        first, last = curve["frames_millions"].min(), curve["frames_millions"].max()
        raise ReplicationError(
            f"{source}: {agent}: {game}: found {first:g} to {last:g} million frames, expected a curve with {at:g}"
        )
    start, end = before.iloc[0], after.iloc[0]
    gap = float(end["frames_millions"] - start["frames_millions"])
    if gap > _WIDEST_GAP_MILLIONS:
        raise ReplicationError(
            f"{source}: {agent}: {game}: found no point within {_WIDEST_GAP_MILLIONS:g} million frames around {at:g} "
            "million, where its line is hidden"
        )
    share = (at - float(start["frames_millions"])) / gap if gap else 0.0
    score, std = (float(start[name] + share * (end[name] - start[name])) for name in ("score_mean", "score_std"))
    return CurvePoint(score, None if math.isnan(std) else std, int(min(start["runs"], end["runs"])))


def dqn_zoo_curve(agent: str, folder: Path = PUBLISHED) -> pd.DataFrame:
    """Return the median normalized score over 57 games of one of DQN Zoo's agents, at every million frames.

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
