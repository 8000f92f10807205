"""The caption of the figure of learning curves, which would make its module too long."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from replication.analysis.finished import FinishedRun, coverage
from replication.analysis.learning_curves import (
    agent_title,
    budget_text,
    judged_text,
    published_curve_series,
    trained_frames,
)
from replication.published.curves import curve_agents, curve_games, training_curve
from replication.published.judges import find_judge
from replication.published.references import reference_set
from replication.specification.experiments import Experiment
from replication.specification.run import Run
from replication.specification.tasks.atari_games import find_game

LEVELS = ("random", "human", "published")
"""Series that are a horizontal line."""


def caption(
    experiment: Experiment,
    finished: Sequence[FinishedRun],
    data: pd.DataFrame,
    window_frames: int,
    panels_apart: int,
) -> str:
    """Write everything needed to read the figure, from what was run and drawn.

    Args:
        experiment: of the figure.
        finished: its finished runs.
        data: every number drawn.
        window_frames: length of the moving mean, in emulator frames.
        panels_apart: how many games are drawn in the second image.
    """
    runs = experiment.runs()
    series = set(data["series"])
    games = list(dict.fromkeys(run.task.name for run in runs))
    which = find_game(games[0]).title if len(games) == 1 else f"{len(games)} games"
    parts = [f"Return against emulator frames of training on {which}; {coverage(experiment, finished)} finished."]
    for agent in dict.fromkeys(agent_title(run, runs) for run in runs):
        mine = [run for run in runs if agent_title(run, runs) == agent]
        seeds = ", ".join(str(seed) for seed in sorted({run.seed for run in mine}))
        preset = f", preset {mine[0].preset.preset}" if mine[0].preset else ""
        plural = "s" if "," in seeds else ""
        protocol = f"protocol {mine[0].protocol.protocol}{preset}"
        judged_at = judged_text(mine, experiment)
        parts.append(f"{agent}: {budget_text(mine[0])}{judged_at}, {protocol}, seed{plural} {seeds}.")
    said = {
        "training": f"Lines are returns of training episodes, each point the mean of those that ended in the last "
        f"{window_frames:,} frames.",
        "iteration": "Lines with dots are the mean training return of each iteration.",
        "last episodes": f"Lines are the mean return of the last {_scored_episodes(runs)} training episodes. Where a "
        "run may be judged, its record keeps these episodes and `verify` derives the mean again; in between it stands "
        "on the digests that the record has of the traces of all episodes, which stay with the state of training.",
        "training mean": "The bold line is the mean over the finished seeds.",
        "iteration mean": "The bold line is the mean over the finished seeds.",
        "last episodes mean": "The bold line is the mean over the finished seeds.",
        "judged": "Rings mark where runs are judged.",
        "evaluation": "Circles are periodic evaluations during training; one that completed no episode has none.",
        "final": "Diamonds are final evaluations at the end of training; their 95 % interval is over seeds, or over "
        "episodes where there is one seed.",
        "agent": "Agents that do not train are horizontal bands: mean and 95 % interval over episodes.",
        "random": f"Random and human: {reference_set(experiment.reference_set).source}.",
    }
    parts += list(dict.fromkeys(text for name, text in said.items() if name in series))
    parts += _published_text(experiment, finished, data)
    if panels_apart:
        parts.append(
            f"Games with finished runs come first; the other {panels_apart} games are in a second image, "
            "learning_curves_rest."
        )
    if (data["series"].isin(LEVELS)).any():
        parts.append("Where an arrow stands before a name, the level lies outside the panel.")
    return " ".join(parts)


def _published_runs(experiment: Experiment) -> str:
    """Return how many runs the published curves of these games are of, such as `5` or `3 to 10`."""
    assert experiment.published is not None
    source, counts = experiment.published.source, set()
    for game in {run.task.name for run in experiment.runs()} & curve_games(source):
        for agent in set(curve_agents(source, game)) & published_curve_series(experiment).keys():
            counts |= set(training_curve(source, game, agent)["runs"])
    least, most = min(counts, default=0), max(counts, default=0)
    return f"{least}" if least == most else f"{least} to {most}"


def _scored_episodes(runs: Sequence[Run]) -> str:
    scores = [run.protocol.training_score for run in runs]
    return " or ".join(str(number) for number in sorted({score.episodes for score in scores if score is not None}))


def _published_text(experiment: Experiment, finished: Sequence[FinishedRun], data: pd.DataFrame) -> list[str]:
    if experiment.published is None:
        return []
    judge, algorithm = find_judge(experiment.published.source), experiment.published.algorithm
    if judge.layout == "curves":
        agents = list(published_curve_series(experiment))
        runs, band, line = f"runs of {agents[0]}", "The gray band spans", "the black line is their mean"
        if len(agents) > 1:
            runs, line = f"runs of each agent ({', '.join(agents)})", "broken lines are their means"
            band = "Pale bands in the color of ours span"
        counted = f"{judge.title}: training returns of {_published_runs(experiment)} runs"
        if data.loc[data["series"].str.startswith("published curve"), "low"].notna().any():
            return [f"{band} the least and the greatest of the published {runs} at each point, {line} ({counted})."]
        return [f"{line[0].upper()}{line[1:]}: published {runs} ({counted})."]
    levels = data[data["series"] == "published"]
    if levels.empty:
        return []
    at_frames, ours = float(levels["frames"].max()), max((trained_frames(found) for found in finished), default=0)
    parts = [f"Published: {algorithm}, {judge.title}."]
    if at_frames > ours:
        parts.append(
            f"The published score is that after {at_frames / 1e6:g} million frames: it is no reference for runs that "
            "are shorter."
        )
    return parts
