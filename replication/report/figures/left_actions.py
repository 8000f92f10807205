"""How often agents go left from A in the world of maximization bias, as Sutton & Barto's Figure 6.5 draws it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from replication.analysis.bundles import BundleRecord, banded, bundle_records
from replication.analysis.exact_references import first_actions_of_best
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.intervals import LEVEL
from replication.report.figures.agent_looks import agent_colors
from replication.report.figures.figure import REFERENCE_COLOR, FigureResult, house_style
from replication.report.figures.sheet import columns_that_fit, sheet_width
from replication.report.tables.bias_statements import left_percent
from replication.report.tables.exact_limits import algorithm_title
from replication.specification.experiments import Experiment

_COLUMNS = ["task", "agent", "point", "count", "mean", "low", "high"]
_MOST = 100.0


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw a panel a task and a line an agent."""
    records = bundle_records(finished)
    parts = [_points(record) for record in records]
    data = pd.concat(parts, ignore_index=True)[_COLUMNS] if parts else pd.DataFrame(columns=_COLUMNS)
    optimal = {record.run.task.title: 100.0 * float(first_actions_of_best(record.run)[0]) for record in records}
    with house_style():
        figure = _draw(data, optimal, agent_colors(experiment.runs(), algorithm_title))
    return FigureResult("left_actions", figure, data, _caption(experiment, finished))


def _points(record: BundleRecord) -> pd.DataFrame:
    part = banded(record.curve)
    for name in ("mean", "low", "high"):
        part[name] = left_percent(part[name])
    part.insert(0, "agent", algorithm_title(record.run))
    part.insert(0, "task", record.run.task.title)
    return part


def _draw(data: pd.DataFrame, optimal: dict[str, float], colors: Mapping[str, str]) -> Figure:
    tasks = list(dict.fromkeys(data["task"]))
    panels = max(1, len(tasks))
    columns = columns_that_fit(panels, 2, 3.3)
    rows = -(-panels // columns)
    figure = Figure(figsize=(sheet_width(5.0 * columns), 3.6 * rows), layout="constrained")
    for axes, task in zip(np.atleast_1d(figure.subplots(rows, columns)).ravel(), tasks, strict=False):
        _draw_panel(axes, data[data["task"] == task], optimal[task], colors)
        axes.set_title(task)
    return figure


def _draw_panel(axes: Axes, here: pd.DataFrame, optimal: float, colors: Mapping[str, str]) -> None:
    for agent, line in here.groupby("agent", sort=False):
        color = colors[str(agent)]
        axes.fill_between(line["point"], line["low"], line["high"], color=color, alpha=0.25, linewidth=0)
        axes.plot(line["point"], line["mean"], color=color, linewidth=1.0, label=agent)
    axes.axhline(optimal, color=REFERENCE_COLOR, linewidth=0.9, linestyle="--", label=f"optimal, {optimal:g} %")
    axes.set_ylim(0.0, _MOST)
    axes.set_xlabel("episode")
    axes.set_ylabel("left actions from A, percent of runs")
    axes.grid(axis="y")
    axes.legend(loc="center right")  # between the curves, with any number of actions


def _caption(experiment: Experiment, finished: FinishedRuns) -> str:
    return (
        f"Share of runs that go left from A, the worse action, by episode. {experiment.title}; "
        f"{coverage(experiment, finished)} finished. Lines: mean over runs; bands, mostly narrower than the lines: "
        f"{LEVEL:.0%} intervals of it. An episode that goes left has two steps and one that goes right has one, so the "
        "share is the mean number of steps less one. Broken: an agent that explores as much and knows the best values, "
        "exact. The book says only that there are many actions in B: the first panel has 10, the others show how much "
        "that number matters. The book's curves exist as a picture alone, and are not drawn."
    )
