"""Shares of successful trials by number of training episodes, ours and the published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.intervals import LEVEL
from replication.analysis.proportions import wilson_interval
from replication.analysis.successful_trials import (
    finished_trials,
    published_trials,
    series_of,
    success_text,
    training_episodes,
    variants_of,
)
from replication.report.figures.agent_looks import Look, agent_looks, line_look
from replication.report.figures.figure import PUBLISHED_COLOR, FigureResult, house_style
from replication.report.figures.legends import draw_legend, drawn_entries
from replication.report.figures.sheet import columns_that_fit, sheet_width
from replication.specification.experiments import Experiment

NEEDS = {"source": ("nfq_2005_table1",)}
_PUBLISHED = "published"
"""The series of the published numbers."""
_ASIDE_EPISODES, _LEAST_PANEL_INCHES = 4.0, 2.6


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw the figure: a point a series and number of training episodes."""
    data = _shares(experiment, finished)
    with house_style():
        figure = _draw(data, agent_looks(experiment.runs(), series_of(experiment)))
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


def _draw(data: pd.DataFrame, looks: Mapping[str, Look]) -> Figure:
    """Draw a panel a variant of ours with the published shares behind it; that of a plan alone has these only."""
    ours = [name for name in dict.fromkeys(data["series"]) if name != _PUBLISHED] or [_PUBLISHED]
    columns = columns_that_fit(len(ours), 3, _LEAST_PANEL_INCHES)
    rows = -(-len(ours) // columns)
    figure = Figure(figsize=(sheet_width(), 0.5 + 2.6 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axes in grid[len(ours) :]:
        axes.set_visible(False)
    for axes, name in zip(grid, ours, strict=False):
        axes.set_title(_words(name))
        for series, style in (
            (_PUBLISHED, {"color": PUBLISHED_COLOR, "linestyle": "--", "marker": "o"}),
            (name, line_look(looks[name]) | {"marker": "s"} if name in looks else {}),
        ):
            shown = data[data["series"] == series]
            if style and len(shown):
                _draw_series(axes, shown, "published" if series == _PUBLISHED else "ours", style)
        axes.set_ylim(-3, 103)
        axes.set_xlim(left=0)
        axes.grid(axis="y")
        axes.tick_params(labelbottom=True)
    figure.supxlabel("random training episodes", fontsize=9)
    figure.supylabel("successful trials, %", fontsize=9)
    draw_legend(figure, drawn_entries(grid[: len(ours)]), loc="outside upper left")
    return figure


def _draw_series(axes: Axes, rows: pd.DataFrame, label: str, style: Mapping[str, Any]) -> None:
    # Two intervals at one number of episodes would hide one another: ours stand a hair to the right.
    aside = 0.0 if label == "published" else _ASIDE_EPISODES
    sides = [rows["percent"] - rows["low"], rows["high"] - rows["percent"]]
    look: dict[str, Any] = {
        "markersize": 4.5,
        "linewidth": 1.2,
        "elinewidth": 0.9,
        "capsize": 2,
        "label": label,
    } | dict(style)
    axes.errorbar(rows["training_episodes"] + aside, rows["percent"], yerr=sides, **look)


def _words(name: str) -> str:
    return name.replace("_", " ")


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
        "of each point alone. Ours stand a little to the right of the published ones, of the same number of episodes."
    )
