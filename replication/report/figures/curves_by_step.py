"""Evaluations against agent steps, one panel a task: each of our runs over each published one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from replication.analysis.cells import cells_of
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.learning_curves import agent_title
from replication.foundation.errors import ReplicationError
from replication.published.curves_by_step import StepPoint, step_curve
from replication.published.judges import find_judge
from replication.report.figures.figure import (
    AGENT_COLOURS,
    PUBLISHED_COLOUR,
    WIDTH_INCHES,
    FigureResult,
    house_style,
    run_texts,
)
from replication.specification.experiments import Experiment

_COLUMNS = ["task", "series", "agent", "run", "step", "value"]
_PUBLISHED_RUN, _PUBLISHED_MEAN, _OURS, _OURS_MEAN, _JUDGED = (
    "published run",
    "published mean",
    "ours",
    "mean of ours",
    "judged",
)
_BEYOND = 1.3
"""How far published curves go on beyond the end of ours, times its step."""
_PANEL_INCHES = 2.7


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw the evaluations of the runs that are finished, and the published ones of their agents.

    Raises:
        ReplicationError: a damaged run file.
    """
    data = pd.DataFrame(_rows(experiment, finished), columns=_COLUMNS)
    tasks = list(dict.fromkeys(run.task.title for run in experiment.runs()))
    agents = list(dict.fromkeys(agent_title(run, experiment.runs(), budgets=False) for run in experiment.runs()))
    colours = {agent: AGENT_COLOURS[place % len(AGENT_COLOURS)] for place, agent in enumerate(agents)}
    with house_style():
        figure = _draw(data, tasks, colours)
    return FigureResult("curves_by_step", figure, data, _caption(experiment, finished, data))


def _rows(experiment: Experiment, finished: FinishedRuns) -> list[dict[str, Any]]:
    runs = experiment.runs()
    ends: dict[str, int] = {}
    for run in runs:
        ends[run.task.title] = max(ends.get(run.task.title, 0), run.training_steps)
    rows: list[dict[str, Any]] = []
    for task, key in {run.task.title: run.task.published_key for run in runs}.items():
        for agent, curve in _published(experiment, key).items():
            shown = [point for point in curve if point.step <= _BEYOND * ends[task]]
            for point in shown:
                of = {"task": task, "agent": agent, "step": point.step}
                singles = enumerate(point.scores, start=1)
                rows += [of | {"series": _PUBLISHED_RUN, "run": run, "value": score} for run, score in singles]
                rows.append(of | {"series": _PUBLISHED_MEAN, "value": point.mean})
    for found in finished:
        if found.curve is not None:
            of = {"task": found.run.task.title, "agent": agent_title(found.run, runs, budgets=False)}
            points = found.curve.dropna(subset=["score"])
            rows += [
                of | {"series": _OURS, "run": found.run.seed, "step": int(step), "value": float(score)}
                for step, score in zip(points["step"], points["score"], strict=True)
            ]
    for cell in cells_of(experiment, finished):
        if cell.scores:
            of = {
                "task": cell.run.task.title,
                "agent": agent_title(cell.runs[0], runs, budgets=False),
                "series": _JUDGED,
            }
            rows.append(of | {"step": cell.run.training_steps, "value": float(np.mean(cell.scores))})
    return rows + _means([row for row in rows if row["series"] == _OURS])


def _published(experiment: Experiment, task: str) -> dict[str, tuple[StepPoint, ...]]:
    """Return the published curves of a task, of the agents that the experiment names; a source may lack the task."""
    found: dict[str, tuple[StepPoint, ...]] = {}
    published = experiment.published
    if published is not None and find_judge(published.source).layout == "curves by step":
        for agent in dict.fromkeys(published.agents.values()):
            try:
                found[agent] = step_curve(published.source, task, agent)
            except ReplicationError:
                continue
    return found


def _means(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the mean of ours at each step that all runs of an agent on a task have; none of one run."""
    table = pd.DataFrame(rows, columns=_COLUMNS)
    means: list[dict[str, Any]] = []
    for (task, agent), lines in table.groupby(["task", "agent"], sort=False):
        seeds = lines["run"].nunique()
        for step, values in lines.groupby("step")["value"]:
            if seeds > 1 and len(values) == seeds:
                means.append(
                    {"task": task, "agent": agent, "series": _OURS_MEAN, "step": step, "value": float(values.mean())}
                )
    return means


def _draw(data: pd.DataFrame, tasks: list[str], colours: Mapping[str, str]) -> Figure:
    columns = min(3, len(tasks))
    rows = -(-len(tasks) // columns)
    figure = Figure(figsize=(WIDTH_INCHES, 0.55 + rows * _PANEL_INCHES), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(tasks) :]:
        axes.set_visible(False)
    for axes, task in zip(grid, tasks, strict=False):
        _draw_panel(axes, data[data["task"] == task], colours)
        axes.set_title(task)
    figure.supxlabel("agent steps of training (thousands)", fontsize=9)
    figure.supylabel("mean return of an evaluation", fontsize=9)
    figure.legend(handles=_legend(data, colours), loc="outside upper left", ncols=3)
    return figure


def _draw_panel(axes: Axes, here: pd.DataFrame, colours: Mapping[str, str]) -> None:
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    for series, width, alpha in ((_PUBLISHED_RUN, 0.6, 0.4), (_PUBLISHED_MEAN, 1.6, 1.0)):
        for _, line in here[here["series"] == series].groupby(["agent", "run"], dropna=False):
            axes.plot(line["step"] / 1e3, line["value"], color=PUBLISHED_COLOUR, linewidth=width, alpha=alpha)
    for agent, colour in colours.items():
        ours = here[here["agent"] == agent]
        for series, width, alpha in ((_OURS, 0.9, 0.8), (_OURS_MEAN, 2.4, 1.0)):
            for _, line in ours[ours["series"] == series].groupby("run", dropna=False):
                axes.plot(line["step"] / 1e3, line["value"], color=colour, linewidth=width, alpha=alpha)
        at = ours[ours["series"] == _JUDGED]
        axes.plot(at["step"] / 1e3, at["value"], "o", color=colour, markerfacecolor="white", markersize=7, zorder=5)
    axes.set_xlim(left=0)
    _scale(axes, here)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}".replace("-", "−")))


def _scale(axes: Axes, here: pd.DataFrame) -> None:
    """Fit the vertical axis to what is seen in training: single untrained policies may lie far off."""
    trained = here.loc[here["step"] > 0, "value"]
    starts = here.loc[(here["step"] == 0) & here["series"].isin([_PUBLISHED_MEAN, _OURS_MEAN]), "value"]
    seen = pd.concat([trained, starts])
    if not seen.empty:
        low, high = float(seen.min()), float(seen.max())
        pad = 0.05 * max(high - low, 0.05 * abs(high), 1e-9)
        axes.set_ylim(low - pad, high + pad)


def _legend(data: pd.DataFrame, colours: Mapping[str, str]) -> list[Line2D]:
    """Return the legend of what is in at least one panel."""
    series, handles = set(data["series"]), []
    for agent, colour in colours.items():
        if agent in set(data.loc[data["series"] == _OURS, "agent"]):
            label = f"{agent}: mean of our seeds (thin: each)"
            handles.append(Line2D([], [], color=colour, linewidth=2.4, label=label))
    if _PUBLISHED_MEAN in series:
        label = "published: mean of its runs" + (" (thin: each)" if _PUBLISHED_RUN in series else "")
        handles.append(Line2D([], [], color=PUBLISHED_COLOUR, linewidth=1.6, label=label))
    if _JUDGED in series:
        ring = Line2D([], [], color="#404040", marker="o", markerfacecolor="white", markersize=7, linestyle="")
        ring.set_label("where our runs are judged")
        handles.append(ring)
    return handles


def _caption(experiment: Experiment, finished: FinishedRuns, data: pd.DataFrame) -> str:
    parts = [
        f"Mean return of each evaluation against agent steps of training; {coverage(experiment, finished)} finished.",
        *run_texts(experiment),
        "A thin coloured line is a run of ours, the bold one their mean; rings are the means that are judged. "
        "Single policies at step 0, before training, may lie outside a panel.",
    ]
    published = experiment.published
    if published is not None and (data["series"] == _PUBLISHED_MEAN).any():
        counts = data[data["series"] == _PUBLISHED_RUN].groupby("task")["run"].nunique()
        number = " or ".join(map(str, sorted(set(counts))))
        agents = ", ".join(dict.fromkeys(published.agents.values()))
        parts.append(
            f"Black: {find_judge(published.source).title}, {agents}: "
            + (f"each of {number} published runs, bold their mean" if number else "the mean of its runs")
            + "; steps are counted from the first one, random ones included."
        )
    return " ".join(parts)
