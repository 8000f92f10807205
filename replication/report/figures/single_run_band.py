"""The learning curve of one published run over the band of ours."""

from __future__ import annotations

import math
from textwrap import fill
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from replication.analysis.cells import Cell
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.learning_curves import agent_title
from replication.analysis.single_runs import MEAN, SOLVED, curve_of_seeds, placed_cells, published_run, quantile
from replication.published.judges import find_judge
from replication.report.figures.agent_looks import agent_colors
from replication.report.figures.figure import PUBLISHED_COLOR, REFERENCE_COLOR, FigureResult, house_style
from replication.report.figures.legends import draw_legend, drawn_entries
from replication.report.figures.sheet import columns_that_fit, sheet_width
from replication.specification.experiments import Experiment

NEEDS = {"source": ("udacity_course",)}
_LEAST_PANEL_INCHES = 3.2
_TITLE_CHARACTERS = 38
"""Of a line above a panel."""
_OURS, _PUBLISHED, _SOLVED = "ours", "published", "solved"
_DATA = ["task", "agent", "series", "episode", "value", "low", "high", "least", "greatest"]


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw a panel an agent and task."""
    cells = [cell for cell, _ in placed_cells(experiment, finished)]
    data = _points(experiment, cells, finished)
    with house_style():
        runs = experiment.judged_runs()
        figure = _draw(experiment, cells, data, agent_colors(runs, lambda run: agent_title(run, runs)))
    return FigureResult("single_run_band", figure, data, _caption(experiment, finished))


def _points(experiment: Experiment, cells: list[Cell], finished: FinishedRuns) -> pd.DataFrame:
    """Gather every number drawn: ours as medians with quartiles, the published run, and where each was solved."""
    rows = []
    for cell, found in placed_cells(experiment, finished):
        about = {"task": cell.run.task.title, "agent": agent_title(cell.run, experiment.judged_runs())}
        for episode, values in curve_of_seeds(cell).items():
            low, middle, high = (quantile(values, part) for part in (0.25, 0.5, 0.75))
            ours = {"value": middle, "low": low, "high": high, "least": values[0], "greatest": values[-1]}
            rows.append(about | {"series": _OURS, "episode": episode} | ours)
        level = cell.run.protocol.solving.level if cell.run.protocol.solving else None
        for number in published_run(experiment, cell):
            if number.quantity == MEAN:
                rows.append(about | {"series": _PUBLISHED, "episode": number.episode, "value": number.value})
            elif number.quantity == SOLVED:
                rows.append(about | {"series": f"{_PUBLISHED}, {_SOLVED}", "episode": number.value, "value": level})
        solved = [place for place in found if place.quantity == SOLVED]
        for reached in solved[0].values if solved else ():
            if math.isfinite(reached):
                rows.append(about | {"series": f"{_OURS}, {_SOLVED}", "episode": reached, "value": level})
    return pd.DataFrame(rows, columns=_DATA)


def _draw(experiment: Experiment, cells: list[Cell], data: pd.DataFrame, colors: dict[str, str]) -> Figure:
    columns = columns_that_fit(len(cells), 3, _LEAST_PANEL_INCHES)
    rows = -(-len(cells) // columns)
    figure = Figure(figsize=(sheet_width(), 0.5 + 2.7 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(cells) :]:
        axes.set_visible(False)
    for axes, cell in zip(grid, cells, strict=False):
        agent = agent_title(cell.run, experiment.judged_runs())
        here = data[(data["task"] == cell.run.task.title) & (data["agent"] == agent)]
        _draw_panel(axes, cell, here, colors[agent])
        axes.set_title(f"{fill(agent, _TITLE_CHARACTERS)}\n{cell.run.task.title}")
    draw_legend(figure, drawn_entries(grid[: len(cells)]), loc="outside upper left")
    return figure


def _draw_panel(axes: Axes, cell: Cell, here: pd.DataFrame, color: str) -> None:
    ours, published = (here[here["series"] == series] for series in (_OURS, _PUBLISHED))
    solving, unit = cell.run.protocol.solving, cell.run.protocol.budget_unit.removesuffix("s")
    if len(ours):
        for low, high, alpha, label in (
            ("least", "greatest", 0.12, "all of ours"),
            ("low", "high", 0.3, "half of ours"),
        ):
            axes.fill_between(
                ours["episode"], ours[low], ours[high], color=color, alpha=alpha, linewidth=0, label=label
            )
        axes.plot(ours["episode"], ours["value"], color=color, linewidth=1.2, label="median of ours")
    if len(published):
        look: dict[str, Any] = {"color": PUBLISHED_COLOR, "linewidth": 1.0, "marker": ".", "markersize": 4.0}
        axes.plot(published["episode"], published["value"], label="the published run", **look)
    if solving is not None and solving.level is not None:
        axes.axhline(solving.level, color=REFERENCE_COLOR, linewidth=0.7, linestyle=":")
    for series, tint, marker, label in (
        (_OURS, color, "|", "ours, solved"),
        (_PUBLISHED, PUBLISHED_COLOR, "x", "the published run, solved"),
    ):
        reached = here[here["series"] == f"{series}, {_SOLVED}"]
        if len(reached):
            axes.plot(
                reached["episode"],
                reached["value"],
                linestyle="",
                color=tint,
                marker=marker,
                markersize=6.0,
                label=label,
            )
    axes.set_xlabel(f"{unit} of training")
    axes.set_ylabel(f"mean return of the last {solving.of_last if solving else 0}")
    axes.set_xlim(left=0)
    axes.grid(axis="y")


def _caption(experiment: Experiment, finished: FinishedRuns) -> str:
    source = experiment.published
    published = f" Black: the one published run, {find_judge(source.source).title}." if source else ""
    return (
        f"The mean return of the last training episodes, one published run over ours. {experiment.title}; "
        f"{coverage(experiment, finished)} finished. Line: median over our seeds; bands: their quartiles, and their "
        f"least and greatest.{published} Dotted: the mean at which the task counts as solved; marks on "
        "it: where a seed, and the published run, first got there. Nothing is tested: one run has no spread."
    )
