"""Steps of each episode of the mountain car while learning, as Sutton & Barto's Figures 10.2 and 10.3 draw them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from replication.analysis.bundles import BundleRecord, banded, bundle_records
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.intervals import LEVEL
from replication.report.figures.agent_looks import agent_colors
from replication.report.figures.figure import FigureResult, house_style
from replication.report.figures.sheet import sheet_width
from replication.report.tables.mountain_car_statements import agent_text, cut_text
from replication.specification.experiments import Experiment

_LOWEST, _HIGHEST = 100.0, 1_000.0
"""Steps at the ends of the axis, as in the book."""
_COLUMNS = ["agent", "point", "count", "mean", "low", "high"]


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw a line a record."""
    records = bundle_records(finished)
    parts = [_points(record) for record in records]
    data = pd.concat(parts, ignore_index=True)[_COLUMNS] if parts else pd.DataFrame(columns=_COLUMNS)
    with house_style():
        figure = _draw(data, agent_colors(experiment.runs(), agent_text))
    return FigureResult("mountain_car_curves", figure, data, _caption(experiment, finished, records))


def _points(record: BundleRecord) -> pd.DataFrame:
    """Return steps, which are the returns without their sign: each step earns -1."""
    part = banded(record.curve)
    part["mean"], part["low"], part["high"] = -part["mean"], -part["high"], -part["low"]
    part.insert(0, "agent", agent_text(record.run))
    return part


def _draw(data: pd.DataFrame, colors: Mapping[str, str]) -> Figure:
    figure = Figure(figsize=(sheet_width(8.0), 4.5), layout="constrained")
    axes = figure.subplots()
    for agent, line in data.groupby("agent", sort=False):
        color = colors[str(agent)]
        axes.fill_between(line["point"], line["low"], line["high"], color=color, alpha=0.25, linewidth=0)
        axes.plot(line["point"], line["mean"], color=color, linewidth=0.9, label=agent)
    axes.set_yscale("log")
    axes.set_ylim(_LOWEST, _HIGHEST)
    axes.set_yticks([100, 200, 400, 1_000], ["100", "200", "400", "1000"])
    axes.minorticks_off()  # their labels would stand between those
    axes.set_xlabel("episode")
    axes.set_ylabel("steps of the episode (log scale)")
    axes.grid(axis="y")
    if len(data):
        axes.legend(loc="upper right")
    return figure


def _caption(experiment: Experiment, finished: FinishedRuns, records: list[BundleRecord]) -> str:
    return (
        f"Steps of each episode while learning. {experiment.title}; {coverage(experiment, finished)} finished. Lines: "
        f"mean over runs; bands: {LEVEL:.0%} intervals of it. The first episodes lie above the axis, as in the book. "
        f"{cut_text(records)} The book's curves exist as a picture alone, and are not drawn."
    )
