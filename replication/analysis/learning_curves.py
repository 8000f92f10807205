"""Learning curves as one table: returns against emulator frames, beside published curves, scores and references."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replication.analysis.cells import training_point
from replication.analysis.finished import FinishedRun
from replication.analysis.intervals import estimate, interval
from replication.published.curves import curve_games, training_curve
from replication.published.judges import find_judge
from replication.published.layouts import scores_by_game
from replication.published.references import reference_set
from replication.specification.budget import Budget
from replication.specification.experiments import Experiment
from replication.specification.run import Run

COLUMNS = ["game", "agent", "seed", "series", "frames", "value", "low", "high"]
"""The columns of the gathered table. agent: one of the experiment's; empty for references. seed: empty where it is no
single training's. frames: emulator frames of training; empty for a level. low and high: bounds, by `series`.

Series: `training` (moving mean of episode returns), `iteration` (mean return of an iteration), `last episodes` (mean
return of the last training episodes, where a protocol scores them), each also as `... mean` over seeds; `judged` (mean
over seeds where a run is judged before its end, and there); `evaluation` (periodic); `final` (final evaluation, 95 %
interval); `agent` (one that does not train, 95 % interval); `random`, `human` (references); `published` (score);
`published curve` (least to greatest run), with the agent's name where there are several."""

_WINDOW_SHARE = 20
"""A moving window is the nearest round number above this part of the longest training."""
_GRID_POINTS = 160
_LEVEL = 0.95

Rows = list[dict[str, Any]]


def smoothing_window_frames(longest_frames: int) -> int:
    """Return a round number of frames, at least a twentieth of the longest training: 1, 2 or 5 times a power of ten."""
    least = max(1.0, longest_frames / _WINDOW_SHARE)
    power = 10 ** math.floor(math.log10(least))
    return next(int(factor * power) for factor in (1, 2, 5, 10) if factor * power >= least)


def moving_mean(
    ends: NDArray[np.float64], values: NDArray[np.float64], at: NDArray[np.float64], window: float
) -> NDArray[np.float64]:
    """Compute the mean of the values whose end lies in (t - window, t], for each t.

    Args:
        ends: float64 [episodes], ascending.
        values: float64 [episodes].
        at: float64 [points], the times t.
        window: its length, in the unit of `ends`.

    Returns: float64 [points]; NaN where no value lies in the window.
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    first, last = np.searchsorted(ends, at - window, side="right"), np.searchsorted(ends, at, side="right")
    counts = last - first
    return np.where(counts > 0, (sums[last] - sums[first]) / np.maximum(counts, 1), np.nan)


def learning_curves(experiment: Experiment, finished: Sequence[FinishedRun], window_frames: int) -> pd.DataFrame:
    """Gather every number that is drawn, in the columns `COLUMNS`; runs that are missing have no row."""
    runs = experiment.runs()
    rows: Rows = []
    for game in dict.fromkeys(run.task.name for run in runs):
        here = [found for found in finished if found.run.task.name == game]
        for agent in dict.fromkeys(agent_title(run, runs) for run in runs):
            group = [found for found in here if agent_title(found.run, runs) == agent]
            rows += [{"game": game, "agent": agent} | row for row in _agent_rows(group, window_frames)]
            rows += [{"game": game, "agent": agent} | row for row in _judged_rows(experiment, group)]
        rows += [{"game": game, "agent": ""} | row for row in _reference_rows(experiment, game)]
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"seed": "Int64"})
    return table.astype({name: "float64" for name in ("frames", "value", "low", "high")})


def agent_title(run: Run, runs: Sequence[Run], *, budgets: bool = True) -> str:
    """Return the variant's title, and what else tells agents apart: its name, preset, protocol, budget.

    Runs of one title differ by task and seed alone: whatever is averaged or drawn together is grouped by it. Where
    `budgets` is False, they may differ by the length of training too.
    """
    titled = {other.variant.variant for other in runs if other.variant.title == run.variant.title}
    name = run.variant.title + (f" ({run.variant.variant})" if len(titled) > 1 else "")
    same = [other for other in runs if other.variant.variant == run.variant.variant]
    return ", ".join([name, *unlike_parts(run, same, budgets=budgets)])


def unlike_parts(run: Run, runs: Sequence[Run], *, budgets: bool = True) -> list[str]:
    """Return those of preset, protocol and budget in which these runs are not all alike, in words.

    Args:
        run: one of `runs`.
        runs: those it is to be told apart from.
        budgets: False where runs of several lengths of training are kept apart otherwise.
    """
    parts = []
    if len({other.preset.preset if other.preset else "" for other in runs}) > 1:
        parts.append(f"preset {run.preset.preset}" if run.preset else "no preset")
    if len({other.protocol.protocol for other in runs}) > 1:
        parts.append(f"protocol {run.protocol.protocol}")
    if budgets and len({other.budget for other in runs}) > 1:
        parts.append(budget_text(run))
    return parts


def budget_text(run: Run) -> str:
    """Return the length of a training in words."""
    if run.budget.iterations:
        return f"{run.budget.iterations:,} iteration{'s' * (run.budget.iterations > 1)}"
    return f"{run.training_frames:,} frames" if run.training_frames else run.budget.in_words


def judged_text(runs: Sequence[Run], experiment: Experiment) -> str:
    """Say where runs of one agent are judged before their end, to follow the length of training in a caption.

    Returns: such as `, judged after iterations 5 and 10`; empty where they are judged at their end alone.
    """
    points: dict[tuple[int, ...], list[str]] = {}
    for run in runs:
        budgets = experiment.judged_budgets(run)
        if budgets != (run.budget,):
            points.setdefault(tuple(_length_number(replace(run, budget=budget)) for budget in budgets), []).append(
                run.task.title
            )
    found = [
        " and ".join(f"{number:,}" for number in after)
        + (f" ({', '.join(dict.fromkeys(games))})" if len(points) > 1 else "")
        for after, games in points.items()
    ]
    unit = "iteration" if any(run.budget.iterations for run in runs) else "frame"
    several = "s" if any(len(after) > 1 for after in points) else ""
    return f", judged after {unit}{several} {', '.join(found)}" if found else ""


def _length_number(run: Run) -> int:
    return run.budget.iterations or run.training_frames


def full_budget_text(run: Run) -> str:
    """Return the length of a training in words, with the length of an iteration."""
    steps = run.protocol.iteration_steps if run.budget.iterations else None
    length = "" if steps is None else f" of at least {steps:,} steps"
    return budget_text(run) + length


def trained_frames(found: FinishedRun) -> int:
    """Return the emulator frames of training, of the budget or, if it counts iterations, as played."""
    if found.iterations is not None and len(found.iterations):
        return int(found.iterations["end_step"].max()) * found.run.protocol.training.frame_skip
    return found.run.training_frames


def _agent_rows(group: Sequence[FinishedRun], window_frames: int) -> Rows:
    """Return the rows of the finished runs of one agent on one game, one run a seed."""
    if not group:
        return []
    if not group[0].run.family.trains:
        played = [_returns(found) for found in group if found.episodes is not None]
        return [_interval_row("agent", None, None, np.concatenate(played))] if played else []
    rows = _curve_rows(group, window_frames)
    for found in group:
        if found.curve is not None:
            scored = found.curve.dropna(subset=["score"])
            frames = scored["step"] * found.run.protocol.training.frame_skip
            rows += _line(
                "evaluation", found.run.seed, frames.to_numpy(np.float64), scored["score"].to_numpy(np.float64)
            )
    returns = {found.run.seed: _returns(found) for found in group if found.episodes is not None}
    if returns:
        # The unit is the training seed; a single seed's interval can only be over its episodes.
        means = np.array([float(values.mean()) for values in returns.values()])
        seed, values = (None, means) if len(means) > 1 else next(iter(returns.items()))
        rows.append(_interval_row("final", seed, trained_frames(group[0]), values))
    return rows


def _returns(found: FinishedRun) -> NDArray[np.float64]:
    """Return the raw return of each episode of the final evaluation, float64 [episodes]."""
    assert found.episodes is not None
    return found.episodes["return"].to_numpy(np.float64)


def _curve_rows(group: Sequence[FinishedRun], window_frames: int) -> Rows:
    """Return the training returns of each seed, and their mean over the seeds where every one of them has a value."""
    rows: Rows = []
    series = "training"
    frames: list[NDArray[np.float64]] = []
    values: list[NDArray[np.float64]] = []
    for found in group:
        skip = found.run.protocol.training.frame_skip
        if found.iterations is not None:
            series = "iteration"
            frames.append(found.iterations["end_step"].to_numpy(np.float64) * skip)
            values.append(found.iterations["mean_return"].to_numpy(np.float64))
        elif found.training_curve is not None:
            series = "last episodes"
            frames.append(found.training_curve["frames"].to_numpy(np.float64))
            values.append(found.training_curve["mean_return"].to_numpy(np.float64))
        elif found.training is not None and len(found.training):
            end = trained_frames(found)
            frames.append(np.linspace(end / _GRID_POINTS, end, _GRID_POINTS))
            ends = found.training["end_step"].to_numpy(np.float64) * skip
            returns = found.training["raw_return"].to_numpy(np.float64)
            values.append(moving_mean(ends, returns, frames[-1], window_frames))
        else:
            continue
        rows += _line(series, found.run.seed, frames[-1], values[-1])
    if len(values) > 1:
        points = min(map(len, values))
        mean = [np.mean([line[:points] for line in lines], axis=0) for lines in (frames, values)]
        rows += _line(f"{series} mean", None, *mean)
    return rows


def _judged_rows(experiment: Experiment, group: Sequence[FinishedRun]) -> Rows:
    """Return a point wherever runs of one agent on one game are judged; no point if that is at their end alone."""
    at: dict[Budget, list[tuple[float, float]]] = {}
    for found in group:
        budgets = experiment.judged_budgets(found.run)
        for budget in budgets if budgets != (found.run.budget,) else ():
            at.setdefault(budget, []).append(training_point(found, budget))
    means = np.array([np.mean(points, axis=0) for _, points in sorted(at.items())]).reshape(-1, 2)
    return _line("judged", None, means[:, 0], means[:, 1])


def published_curve_series(experiment: Experiment) -> dict[str, str]:
    """Return the agents with published curves that the experiment names, each with its `series` in the table."""
    published = experiment.published
    if published is None or find_judge(published.source).layout != "curves":
        return {}
    agents = list(dict.fromkeys(published.agents.values())) or [published.algorithm]
    return {agent: "published curve" + (f", {agent}" if len(agents) > 1 else "") for agent in agents}


def _reference_rows(experiment: Experiment, game: str) -> Rows:
    references = reference_set(experiment.reference_set)
    rows: Rows = []
    if game in references.random:
        rows = [{"series": name, "value": getattr(references, name)[game]} for name in ("random", "human")]
    published = experiment.published
    if published is None or (published.source, published.algorithm) == references.random_agent:
        return rows
    if find_judge(published.source).layout == "curves":
        if game not in curve_games(published.source):
            return rows
        kept = {"frames_millions": "frames", "score_mean": "value", "score_min": "low", "score_max": "high"}
        for agent, series in published_curve_series(experiment).items():
            points = (
                training_curve(published.source, game, agent)[list(kept)].rename(columns=kept).assign(series=series)
            )
            points["frames"] = points["frames"].astype("float64") * 1e6
            rows += [{str(key): value for key, value in row.items()} for row in points.to_dict("records")]
        return rows
    # Papers leave games out: such a game has no published score, which is no error.
    scores = scores_by_game(published.source)
    found = next((row for row in scores if (row.game, row.algorithm) == (game, published.algorithm)), None)
    if found is None:
        return rows
    frames = math.nan if found.frames_millions is None else found.frames_millions * 1e6
    return [*rows, {"series": "published", "frames": frames, "value": found.score}]


def _line(series: str, seed: int | None, frames: NDArray[np.float64], values: NDArray[np.float64]) -> Rows:
    pairs = zip(frames.tolist(), values.tolist(), strict=True)
    return [{"series": series, "seed": seed, "frames": at, "value": value} for at, value in pairs]


def _interval_row(series: str, seed: int | None, frames: int | None, values: NDArray[np.float64]) -> dict[str, Any]:
    """Return a row with a mean and Student's 95 % interval of it; a single value has no interval."""
    found = estimate(values.tolist())
    low, high = interval(found, _LEVEL) if found else (math.nan, math.nan)
    return {"series": series, "seed": seed, "frames": frames, "value": float(values.mean()), "low": low, "high": high}
