"""Evaluations against agent steps, one panel a task: each of our runs over each published one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from replication.analysis.cells import cells_of
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.learning_curves import agent_title
from replication.foundation.errors import ReplicationError
from replication.published.curves_by_step import StepPoint, step_curve
from replication.published.judges import find_judge
from replication.report.figures.agent_looks import Look, agent_looks, line_look
from replication.report.figures.figure import (
    PUBLISHED_COLOR,
    FigureResult,
    house_style,
    run_texts,
)
from replication.report.figures.legends import draw_legend, drawn_entries
from replication.report.figures.sheet import columns_that_fit, sheet_width
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
_PANEL_INCHES, _LEAST_PANEL_INCHES = 2.7, 2.6


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw the evaluations of the runs that are finished, and the published ones of their agents.

    Raises:
        ReplicationError: a damaged run file.
    """
    data = pd.DataFrame(_rows(experiment, finished), columns=_COLUMNS)
    tasks = list(dict.fromkeys(run.task.title for run in experiment.runs()))
    runs = experiment.runs()
    looks = agent_looks(runs, lambda run: agent_title(run, runs, budgets=False))
    with house_style():
        figure = _draw(data, tasks, looks)
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


def _draw(data: pd.DataFrame, tasks: list[str], looks: Mapping[str, Look]) -> Figure:
    columns = columns_that_fit(len(tasks), 3, _LEAST_PANEL_INCHES)
    rows = -(-len(tasks) // columns)
    figure = Figure(figsize=(sheet_width(), 0.55 + rows * _PANEL_INCHES), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(tasks) :]:
        axes.set_visible(False)
    for axes, task in zip(grid, tasks, strict=False):
        _draw_panel(axes, data[data["task"] == task], looks)
        axes.set_title(task)
    figure.supxlabel("agent steps of training (thousands)", fontsize=9)
    figure.supylabel("mean return of an evaluation", fontsize=9)
    draw_legend(figure, drawn_entries(grid[: len(tasks)], first=list(looks)), loc="outside upper left")
    return figure


def _draw_panel(axes: Axes, here: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    for series, width, alpha in ((_PUBLISHED_RUN, 0.6, 0.4), (_PUBLISHED_MEAN, 1.6, 1.0)):
        for _, line in here[here["series"] == series].groupby(["agent", "run"], dropna=False):
            label = "published: mean of its runs" if series == _PUBLISHED_MEAN else "published: each run"
            style: dict[str, Any] = {"color": PUBLISHED_COLOR, "linewidth": width, "alpha": alpha, "label": label}
            axes.plot(line["step"] / 1e3, line["value"], **style)
    for agent, look in looks.items():
        ours = here[here["agent"] == agent]
        alone = _OURS_MEAN not in set(ours["series"])
        for series, width, alpha in ((_OURS, 0.9, 0.8), (_OURS_MEAN, 2.4, 1.0)):
            for _, line in ours[ours["series"] == series].groupby("run", dropna=False):
                label = agent if alone or series == _OURS_MEAN else "ours: each seed (bold: their mean)"
                style = line_look(look) | {"linewidth": width, "alpha": alpha, "label": label}
                axes.plot(line["step"] / 1e3, line["value"], **style)
        at = ours[ours["series"] == _JUDGED]
        if len(at):
            ring: dict[str, Any] = {"color": look.color, "markerfacecolor": "white", "markersize": 7, "zorder": 5}
            axes.plot(at["step"] / 1e3, at["value"], "o", label="where our runs are judged", **ring)
    axes.set_xlim(left=0)
    _scale(axes, here)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}".replace("-", "−")))


def _scale(axes: Axes, here: pd.DataFrame) -> None:
    """Set the limits of the vertical axis by what is seen in training: single untrained policies may lie far off."""
    trained = here.loc[here["step"] > 0, "value"]
    starts = here.loc[(here["step"] == 0) & here["series"].isin([_PUBLISHED_MEAN, _OURS_MEAN]), "value"]
    seen = pd.concat([trained, starts])
    if not seen.empty:
        low, high = float(seen.min()), float(seen.max())
        pad = 0.05 * max(high - low, 0.05 * abs(high), 1e-9)
        axes.set_ylim(low - pad, high + pad)


def _caption(experiment: Experiment, finished: FinishedRuns, data: pd.DataFrame) -> str:
    parts = [
        f"Mean return of each evaluation against agent steps of training; {coverage(experiment, finished)} finished.",
        *run_texts(experiment),
        "A thin colored line is a run of ours, the bold one their mean; rings are the means that are judged. "
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
