"""Returns while learning, where seeds share a record: the mean over seeds at each point, with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from replication.analysis.bundles import banded
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.intervals import LEVEL
from replication.analysis.learning_curves import agent_title
from replication.report.figures.agent_looks import agent_colors
from replication.report.figures.figure import FigureResult, house_style
from replication.report.figures.sheet import sheet_width
from replication.specification.experiments import Experiment
from replication.specification.run import Run

_SHOWN_SHARE = 0.02
"""Of the points, so many of the lowest means may lie below the axis: the first episodes would flatten all others."""


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw a panel a task and a line a record."""
    data = _points(experiment, finished)
    with house_style():
        colors = agent_colors(experiment.runs(), lambda run: _line_name(run, experiment.runs()))
        figure = _draw(data, sorted({run.protocol.budget_unit for run in experiment.runs()}), colors)
    return FigureResult("bundle_curves", figure, data, _caption(experiment, finished, data))


def _points(experiment: Experiment, finished: FinishedRuns) -> pd.DataFrame:
    """Gather every number drawn, a row a point; the interval is Student's, over seeds."""
    parts = []
    for found in {found.folder: found for found in finished}.values():
        if found.curve is not None and found.run.family.bundles:
            part = banded(found.curve)
            part.insert(0, "agent", _line_name(found.run, experiment.runs()))
            part.insert(0, "task", found.run.task.title)
            parts.append(part)
    columns = ["task", "agent", "point", "count", "mean", "deviation", "low", "high"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _line_name(run: Run, runs: Sequence[Run]) -> str:
    """Return the name of a record's line: that of the agent, with the seeds where it has several records of a task."""
    title = agent_title(run, runs)
    same = {other.bundle for other in runs if other.task == run.task and agent_title(other, runs) == title}
    return f"{title}, seeds {run.bundle}" if len(same) > 1 else title


def _draw(data: pd.DataFrame, units: list[str], colors: Mapping[str, str]) -> Figure:
    tasks, agents = list(dict.fromkeys(data["task"])), list(dict.fromkeys(data["agent"]))
    panels = max(1, len(tasks))
    figure = Figure(figsize=(sheet_width(7.5), 3.4 * panels), layout="constrained")
    for axes, task in zip(np.atleast_1d(figure.subplots(panels)), tasks, strict=False):
        here = data[data["task"] == task]
        for agent in agents:
            line, color = here[here["agent"] == agent], colors[agent]
            axes.fill_between(line["point"], line["low"], line["high"], color=color, alpha=0.25, linewidth=0)
            axes.plot(line["point"], line["mean"], color=color, linewidth=0.9, label=agent)
        axes.set_title(task)
        axes.set_ylim(_floor(here), here["high"].max() if len(here) else None)
        axes.set_xlabel(f"{' or '.join(unit.removesuffix('s') for unit in units)} of training")
        axes.set_ylabel("mean return over seeds")
        axes.grid(axis="y")
        axes.legend(loc="lower right")
    return figure


def _floor(data: pd.DataFrame) -> float:
    """Choose the lower end of an axis, below all means but a few of the lowest, and below their intervals."""
    shown = data[data["mean"] >= data["mean"].quantile(_SHOWN_SHARE)]
    return float(shown["low"].min())


def _caption(experiment: Experiment, finished: FinishedRuns, data: pd.DataFrame) -> str:
    hidden = sum(int((part["mean"] < _floor(part)).sum()) for _, part in data.groupby("task"))
    below = f" {hidden} points of the lowest means lie below the axis." if hidden else ""
    seeds = f"{data['count'].min():,} to {data['count'].max():,}" if len(data) else "no"
    counted = seeds if not len(data) or data["count"].min() != data["count"].max() else f"{data['count'].max():,}"
    return (
        f"Returns while learning, exploration included. {experiment.title}; {coverage(experiment, finished)} finished. "
        f"Lines: mean over {counted} seeds at each point, not smoothed; bands: {LEVEL:.0%} intervals of it.{below} "
        "Nothing published is drawn."
    )
