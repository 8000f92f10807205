"""Aggregates over games by frames of training: sample-efficiency curves of an experiment's agents."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replication.analysis.agent_scores import AgentScores
from replication.analysis.aggregates import (
    Scores,
    bootstrap_interval,
    efficiency_curve,
    interquartile_mean,
    mean,
    median,
    resampled,
)
from replication.analysis.finished import FinishedRun
from replication.published.curves import dqn_zoo_curve
from replication.published.references import ReferenceSet, normalized_score
from replication.specification.budget import Budget
from replication.specification.experiments import Experiment
from replication.specification.tasks.atari_games import ATARI57

COLUMNS = ["agent", "statistic", "frames", "runs_a_game", "games", "value", "low", "high"]
"""frames: emulator frames of training. value: percent, with its 95 % interval over seeds; one run a game has no
interval."""

STATISTICS: dict[str, Callable[[Scores], Scores]] = {
    "median": median,
    "interquartile mean": interquartile_mean,
    "mean": mean,
}
OF_DQN_ZOO = "median, DQN Zoo"
"""The `statistic` of another program's curve, whose `low` and `high` are its least and greatest seed."""
_DQN_ZOO_SEEDS = 5
_RESAMPLES = 500
_MOST_POINTS = 100


def aggregate_curves(agents: Sequence[AgentScores], references: ReferenceSet) -> pd.DataFrame:
    """Compute every number that is drawn, in the columns `COLUMNS`; an agent without curves has no row.

    A run's curve is its periodic evaluations, or the mean training return of its iterations, whichever its protocol
    has. Its value at a frame is the last one measured by then, so that a curve begins where every run has a value,
    and ends where the shortest ends.
    """
    rows = [row for agent in agents for row in _rows(agent, references)]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({name: "float64" for name in ("frames", "value", "low", "high")})


def dqn_zoo_curves(experiment: Experiment, agents: Sequence[AgentScores]) -> pd.DataFrame:
    """Return DQN Zoo's median curve of each agent that the experiment names one for, in the columns `COLUMNS`.

    It is over 57 games, so that an agent of other games has none.
    """
    named = experiment.published.curves if experiment.published else {}
    parts = []
    for agent in agents:
        variant = agent.run.variant.variant
        if variant not in named or {cell.run.task.name for cell in agent.cells} != set(ATARI57):
            continue
        curve = dqn_zoo_curve(named[variant])
        part = pd.DataFrame({"frames": 1e6 * curve["frames_millions"], "value": curve["median_over_seeds"]})
        part = part.assign(low=curve["band_low"], high=curve["band_high"], agent=agent.title, statistic=OF_DQN_ZOO)
        parts.append(part.assign(runs_a_game=_DQN_ZOO_SEEDS, games=len(ATARI57))[COLUMNS])
    return pd.concat(parts) if parts else pd.DataFrame(columns=COLUMNS).astype({"frames": "float64"})


def run_curve(found: FinishedRun, judged_at: Budget) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return frames, ascending, and raw scores of a run up to where it is judged; None where it measured no score."""
    skip = found.run.protocol.training.frame_skip
    if found.iterations is not None and len(found.iterations):
        seen = found.iterations[found.iterations["iteration"] < judged_at.iterations]
        steps, scores = seen["end_step"], seen["mean_return"]
    elif found.training_curve is not None:
        seen = found.training_curve[found.training_curve["frames"] <= judged_at.steps * skip]
        return seen["frames"].to_numpy(np.float64), seen["mean_return"].to_numpy(np.float64)
    elif found.curve is not None and found.curve["score"].notna().any():
        scored = found.curve.dropna(subset=["score"])
        steps, scores = scored["step"], scored["score"]
    else:
        return None
    return steps.to_numpy(np.float64) * skip, scores.to_numpy(np.float64)


def _rows(agent: AgentScores, references: ReferenceSet) -> list[dict[str, object]]:
    curves = [[run_curve(found, cell.judged_at) for found in cell.finished[: agent.runs]] for cell in agent.used]
    known = [curve for game in curves for curve in game if curve is not None]
    if not known or any(curve is None for game in curves for curve in game):
        return []
    first, last = max(frames[0] for frames, _ in known), min(frames[-1] for frames, _ in known)
    if first > last:
        return []
    measured = np.unique(np.concatenate([frames for frames, _ in known]))
    grid = measured[(measured >= first) & (measured <= last)]
    if len(grid) > _MOST_POINTS:
        grid = grid[np.linspace(0, len(grid) - 1, _MOST_POINTS).astype(int)]
    scores = np.array(
        [
            [_at(curve, cell.run.task.name, references, grid) for curve in game if curve is not None]
            for cell, game in zip(agent.used, curves, strict=True)
        ]
    ).swapaxes(0, 1)
    rows: list[dict[str, object]] = []
    for name, statistic in STATISTICS.items():
        value = efficiency_curve(statistic, scores)
        low = high = np.full(len(grid), np.nan)
        if agent.runs > 1:
            drawn = resampled(scores, np.random.default_rng(0), _RESAMPLES)
            low, high = bootstrap_interval(efficiency_curve(statistic, drawn))
        rows += [
            {
                "agent": agent.title,
                "statistic": name,
                "frames": frames,
                "runs_a_game": agent.runs,
                "games": len(agent.used),
                "value": at,
                "low": least,
                "high": most,
            }
            for frames, at, least, most in zip(grid, value, low, high, strict=True)
        ]
    return rows


def _at(
    curve: tuple[NDArray[np.float64], NDArray[np.float64]],
    game: str,
    references: ReferenceSet,
    grid: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the normalized score last measured by each frame of the grid, float64 [points]."""
    frames, scores = curve
    latest = scores[np.searchsorted(frames, grid, side="right") - 1]
    return np.array([normalized_score(score, game, references) for score in latest])
