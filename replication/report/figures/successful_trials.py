"""Shares of successful trials by number of training episodes, ours and the published."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.intervals import LEVEL
from replication.analysis.proportions import wilson_interval
from replication.analysis.successful_trials import (
    finished_trials,
    published_trials,
    success_text,
    training_episodes,
    variants_of,
)
from replication.report.figures.figure import AGENT_COLOURS, PUBLISHED_COLOUR, FigureResult, house_style
from replication.specification.experiments import Experiment

NEEDS = {"source": ("nfq_2005_table1",)}
_PUBLISHED = "published"
"""The series of the published numbers."""


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw the figure: a point a series and number of training episodes."""
    data = _shares(experiment, finished)
    with house_style():
        figure = _draw(data)
    return FigureResult("successful_trials", figure, data, _caption(experiment, finished))


def _shares(experiment: Experiment, finished: FinishedRuns) -> pd.DataFrame:
    """Gather every number drawn: a row a series and number of training episodes, in percent with 95 % intervals."""
    counts = [(_PUBLISHED, episodes, *counted) for episodes, counted in published_trials(experiment).items()]
    ours = finished_trials(experiment, finished)
    for variant in variants_of(experiment):
        for episodes in training_episodes(experiment):
            if found := ours.get((variant, episodes)):
                counts.append((variant, episodes, found.successful, found.count))
    rows = []
    for series, episodes, successful, trials in counts:
        low, high = (100.0 * share for share in wilson_interval(successful, trials, LEVEL))
        rows.append((series, episodes, successful, trials, 100.0 * successful / trials, low, high))
    columns = ["series", "training_episodes", "successful", "trials", "percent", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _draw(data: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    axes = figure.add_subplot()
    series = list(dict.fromkeys(data["series"]))
    places = {episodes: place for place, episodes in enumerate(sorted(set(data["training_episodes"])))}
    colours = dict(zip((name for name in series if name != _PUBLISHED), AGENT_COLOURS, strict=False))
    markers = dict(zip(series, "osD^vP", strict=False))
    for number, name in enumerate(series):
        rows = data[data["series"] == name]
        at = [places[episodes] + 0.1 * (number - (len(series) - 1) / 2) for episodes in rows["training_episodes"]]
        sides = [rows["percent"] - rows["low"], rows["high"] - rows["percent"]]
        style = "--" if name == _PUBLISHED else "-"
        colour = colours.get(name, PUBLISHED_COLOUR)
        marker = {"marker": markers[name], "markersize": 4.5, "linestyle": style, "linewidth": 1.0}
        axes.errorbar(
            at,
            rows["percent"],
            yerr=sides,
            label=name.replace("_", " "),
            color=colour,
            elinewidth=0.9,
            capsize=2,
            **marker,
        )
    axes.set_xticks(list(places.values()), [str(episodes) for episodes in places])
    axes.set_xlabel("random training episodes")
    axes.set_ylabel("successful trials, %")
    axes.set_ylim(-3, 103)
    axes.grid(axis="y")
    figure.legend(loc="outside right upper")
    return figure


def _caption(experiment: Experiment, finished: FinishedRuns) -> str:
    variants = variants_of(experiment)
    begun = {variant for variant, _ in finished_trials(experiment, finished)}
    meanings = "; ".join(f"{name}: {run.variant.title}" for name, run in variants.items() if name in begun)
    ours = f"Ours: {meanings}." if begun else "No run of ours is finished yet."
    seeds = len({run.seed for run in experiment.runs()})
    return (
        "Share of successful trials by the number of random training episodes. "
        f"{coverage(experiment, finished)} finished. Published: {experiment.paper}, Table 1. {ours} "
        f"{success_text(next(iter(variants.values())))} {seeds} trials a point; bars are {LEVEL:.0%} score intervals "
        "of each point alone. Points of one number of episodes stand side by side; the horizontal axis is not to scale."
    )
