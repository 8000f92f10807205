"""Returns of REINFORCE on the short corridor by episode, as Sutton & Barto's Figures 13.1 and 13.2 draw them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from replication.analysis.bundles import BundleRecord, banded, bundle_records
from replication.analysis.exact_references import best_blind_value
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.intervals import LEVEL
from replication.report.figures.agent_looks import agent_colors
from replication.report.figures.figure import REFERENCE_COLOR, FigureResult, house_style
from replication.report.figures.sheet import sheet_width
from replication.report.tables.corridor_statements import config_of, power_text, setting_text
from replication.specification.experiments import Experiment
from replication.specification.run import Run

_LOWEST, _HIGHEST = -90.0, -10.0
"""Returns at the ends of the axis, as in the book."""
_COLUMNS = ["setting", "agent", "point", "count", "mean", "low", "high"]


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw a panel for each choice of what the book leaves open, and a line a record."""
    records = bundle_records(finished)
    parts = [_points(record) for record in records]
    data = pd.concat(parts, ignore_index=True)[_COLUMNS] if parts else pd.DataFrame(columns=_COLUMNS)
    best = best_blind_value(records[0].run)[1] if records else None
    with house_style():
        figure = _draw(data, best, agent_colors(experiment.runs(), _agent))
    return FigureResult("corridor_curves", figure, data, _caption(experiment, finished, data))


def _points(record: BundleRecord) -> pd.DataFrame:
    part = banded(record.curve)
    part.insert(0, "agent", _agent(record.run))
    part.insert(0, "setting", setting_text(record.run))
    return part


def _agent(run: Run) -> str:
    config = config_of(run)
    baseline = f", baseline {power_text(config.baseline_step_size)}" if config.baseline_step_size else ""
    return f"α = {power_text(config.step_size)}{baseline}"


def _draw(data: pd.DataFrame, best: float | None, colors: Mapping[str, str]) -> Figure:
    settings = list(dict.fromkeys(data["setting"]))
    panels = max(1, len(settings))
    figure = Figure(figsize=(sheet_width(8.0), 3.2 * panels), layout="constrained")
    for axes, setting in zip(np.atleast_1d(figure.subplots(panels, 1)).ravel(), settings, strict=False):
        _draw_panel(axes, data[data["setting"] == setting], best, colors)
        axes.set_title(setting)
    return figure


def _draw_panel(axes: Axes, here: pd.DataFrame, best: float | None, colors: Mapping[str, str]) -> None:
    for agent, line in here.groupby("agent", sort=False):
        color = colors[str(agent)]
        if (line["high"] - line["low"]).max() < _HIGHEST - _LOWEST:
            axes.fill_between(line["point"], line["low"], line["high"], color=color, alpha=0.25, linewidth=0)
        axes.plot(line["point"], line["mean"], color=color, linewidth=0.9, label=agent)
    if best is not None:
        label = f"best policy, {best:.2f}"
        axes.axhline(best, color=REFERENCE_COLOR, linewidth=0.9, linestyle="--", label=label)
    axes.set_ylim(_LOWEST, _HIGHEST + 5.0)
    axes.set_xlabel("episode")
    axes.set_ylabel("sum of rewards of the episode")
    axes.grid(axis="y")
    axes.legend(loc="lower right")


def _caption(experiment: Experiment, finished: FinishedRuns, data: pd.DataFrame) -> str:
    hidden = int((data["mean"] < _LOWEST).sum())
    below = f" {hidden} points lie below the axis, pulled down by runs whose episodes are cut." if hidden else ""
    return (
        f"Sum of rewards of each episode while learning. {experiment.title}; {coverage(experiment, finished)} "
        f"finished. Lines: mean over runs of two episodes each, not smoothed; bands: {LEVEL:.0%} intervals of it; "
        f"one that is wider than the axis is left out.{below} Broken: the exact value of the best policy. The book "
        "names neither the first policy nor a floor on its probabilities: the first panel has those of the best known "
        "transcription, the others show how much they matter. The book's curves exist as a picture alone, and are not "
        "drawn."
    )
