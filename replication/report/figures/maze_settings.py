"""Finished episodes of Dyna-Q and Dyna-Q+ in a maze that changes, under each choice of what the book leaves open."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from replication.analysis.bundles import BundleRecord, banded, bundle_records
from replication.analysis.exact_references import epsilon_greedy_steps
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.intervals import LEVEL
from replication.report.figures.figure import AGENT_COLORS, REFERENCE_COLOR, FigureResult, house_style
from replication.specification.experiments import Experiment
from replication.specification.families.tabular import DynaConfig
from replication.specification.tasks.gridworlds import Gridworld

_PLAIN_COLOR = "#000000"
_COLUMNS = ["planning_steps", "step_size", "bonus", "point", "count", "mean", "low", "high"]


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw a panel for each number of planned steps and step size, and a line for each bonus."""
    records = bundle_records(finished)
    parts = [_points(record) for record in records]
    data = pd.concat(parts, ignore_index=True)[_COLUMNS] if parts else pd.DataFrame(columns=_COLUMNS)
    first = experiment.runs()[0]
    world, settings = first.task, first.settings_as(DynaConfig)
    assert isinstance(world, Gridworld)
    with house_style():
        figure = _draw(data, epsilon_greedy_steps(first), world.changes_after_steps, _place(settings))
    return FigureResult("maze_settings", figure, data, _caption(experiment, finished))


def _place(config: DynaConfig) -> tuple[int, float]:
    return config.planning_steps, config.step_size


def _points(record: BundleRecord) -> pd.DataFrame:
    part, config = banded(record.curve), record.run.settings_as(DynaConfig)
    return part.assign(planning_steps=config.planning_steps, step_size=config.step_size, bonus=config.bonus)


def _draw(data: pd.DataFrame, steps: float, change: int, first: tuple[int, float]) -> Figure:
    rows, columns = (sorted(set(data[name])) for name in ("planning_steps", "step_size"))
    shape = max(1, len(rows)), max(1, len(columns))
    figure = Figure(figsize=(10.0, 1.0 + 2.4 * shape[0]), layout="constrained")
    panels = figure.subplots(*shape, sharex=True, sharey=True, squeeze=False)
    colors = dict(zip(sorted(set(data["bonus"]) - {0.0}), AGENT_COLORS, strict=False))
    for axes, (planned, size) in zip(panels.flat, ((row, column) for row in rows for column in columns), strict=False):
        here = data[(data["planning_steps"] == planned) & (data["step_size"] == size)]
        for bonus, line in here.groupby("bonus"):
            _draw_line(axes, line, float(str(bonus)), colors)
        axes.plot([0.0, change], [0.0, change / steps], color=REFERENCE_COLOR, linewidth=0.9, linestyle="--",
                  label="Dyna-Q that knows the best values, before the change")  # fmt: skip
        axes.axvline(change, color=REFERENCE_COLOR, linewidth=0.8, linestyle=":", label="the maze changes")
        star = " (the first pair)" if (planned, size) == first else ""
        axes.set_title(f"n = {planned}, α = {size:g}{star}")
        axes.grid(axis="y")
    for axes in panels[-1]:
        axes.set_xlabel("time step")
    for axes in panels[:, 0]:
        axes.set_ylabel("finished episodes")
    if len(data):
        found = [axes.get_legend_handles_labels() for axes in panels.flat]
        names = {label: line for lines, labels in found for line, label in zip(lines, labels, strict=True)}
        figure.legend(names.values(), names.keys(), loc="outside lower center", ncols=3)
    return figure


def _draw_line(axes: Axes, line: pd.DataFrame, bonus: float, colors: dict[float, str]) -> None:
    color, style = (colors[bonus], "-") if bonus else (_PLAIN_COLOR, (0, (5, 2)))
    axes.fill_between(line["point"], line["low"], line["high"], color=color, alpha=0.25, linewidth=0)
    label = f"Dyna-Q+, κ = {bonus:g}" if bonus else "Dyna-Q"
    axes.plot(line["point"], line["mean"], color=color, linewidth=1.1, linestyle=style, label=label)


def _caption(experiment: Experiment, finished: FinishedRuns) -> str:
    return (
        "Finished episodes while learning, exploration included, under each choice of what the book leaves open. "
        f"{experiment.title}; {coverage(experiment, finished)} finished. n: steps planned after each step; α: step "
        f"size; κ: the bonus of Dyna-Q+. Lines: mean over runs; bands: {LEVEL:.0%} intervals of it. The book's curves "
        "exist as a picture alone, and are not drawn."
    )
