"""What a protocol measures by episode or by step while agents learn, where seeds share a record: mean and interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from replication.analysis.bundles import BundleRecord, banded, bundle_records
from replication.analysis.exact_references import epsilon_greedy_steps
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.intervals import LEVEL
from replication.analysis.learning_curves import agent_title
from replication.report.figures.agent_looks import agent_colors
from replication.report.figures.figure import REFERENCE_COLOR, FigureResult, house_style
from replication.report.figures.sheet import columns_that_fit, sheet_width
from replication.specification.experiments import Experiment
from replication.specification.families.tabular import DynaConfig
from replication.specification.protocols import GridworldPresentation
from replication.specification.run import Run

_LABELS = {
    "episode_return": ("episode", "sum of rewards during the episode"),
    "episode_steps": ("episode", "steps of the episode"),
    "finished_episodes": ("time step", "finished episodes"),
}
_FROM_POINT = {"episode_return": 1, "episode_steps": 2, "finished_episodes": 1}
"""First point drawn: the book leaves out the first episode, which is as long for every agent."""
_HEADROOM = 1.05
"""Height of an axis, of the highest interval; the exact line may leave it."""
_STYLES = ("-", (0, (5, 2)), (0, (1, 1.5)))
"""In turn, so that of two lines that lie upon each other both are seen."""
_COLUMNS = ["task", "agent", "point", "count", "mean", "low", "high"]


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw a panel a task and a line a record."""
    records, runs = bundle_records(finished), experiment.runs()
    parts = [_points(record, _agent(record.run, runs)) for record in records]
    data = pd.concat(parts, ignore_index=True)[_COLUMNS] if parts else pd.DataFrame(columns=_COLUMNS)
    exact = {record.run.task.title: epsilon_greedy_steps(record.run) for record in records}
    with house_style():
        colors = agent_colors(runs, lambda run: _agent(run, runs))
        figure = _draw(data, measured_of(runs[0]), exact, colors)
    return FigureResult("measured_curves", figure, data, _caption(experiment, finished, data, exact))


def _agent(run: Run, runs: Sequence[Run]) -> str:
    """Name an agent as the book does: n steps are planned, alpha is the step size."""
    if not isinstance(run.settings, DynaConfig):
        return agent_title(run, runs)
    return f"Dyna-Q, n = {run.settings.planning_steps}, α = {run.settings.step_size:g}"


def measured_of(run: Run) -> str:
    """Return what the protocol of a gridworld measures."""
    assert isinstance(run.protocol.training, GridworldPresentation)
    return run.protocol.training.measured


def _points(record: BundleRecord, agent: str) -> pd.DataFrame:
    part = banded(record.curve)
    part = part[part["point"] >= _FROM_POINT[measured_of(record.run)]]
    part.insert(0, "agent", agent)
    part.insert(0, "task", record.run.task.title)
    return part


def _draw(data: pd.DataFrame, measured: str, exact: dict[str, float], colors: Mapping[str, str]) -> Figure:
    tasks, agents = list(dict.fromkeys(data["task"])), list(dict.fromkeys(data["agent"]))
    panels = max(1, len(tasks))
    columns = columns_that_fit(panels, 2, 3.3)
    rows = -(-panels // columns)
    figure = Figure(figsize=(sheet_width(7.5 if columns == 1 else 10.0), 4.0 * rows), layout="constrained")
    for axes, task in zip(np.atleast_1d(figure.subplots(rows, columns)).ravel(), tasks, strict=False):
        here = data[data["task"] == task]
        for place, agent in enumerate(agents):
            line, color = here[here["agent"] == agent], colors[agent]
            axes.fill_between(line["point"], line["low"], line["high"], color=color, alpha=0.25, linewidth=0)
            style = _STYLES[place % len(_STYLES)]
            axes.plot(line["point"], line["mean"], color=color, linewidth=1.0, linestyle=style, label=agent)
        if measured == "episode_steps":
            label = f"with optimal values, {exact[task]:.2f} steps an episode"
            axes.axhline(exact[task], color=REFERENCE_COLOR, linewidth=0.9, linestyle="--", label=label)
        axes.set_ylim(0.0, _HEADROOM * float(here["high"].max()))
        axes.set_title(task)
        axes.set_xlabel(_LABELS[measured][0])
        axes.set_ylabel(_LABELS[measured][1])
        axes.grid(axis="y")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2 if sheet_width() > 5 else 1, frameon=False)
    return figure


def _caption(experiment: Experiment, finished: FinishedRuns, data: pd.DataFrame, exact: dict[str, float]) -> str:
    what = _LABELS[measured_of(experiment.runs()[0])][1]
    first = " The first episode is left out, as in the book." if "steps" in what else ""
    known = (
        " Broken: expected steps of an agent that explores as much and knows the best values, exact." if exact else ""
    )
    return (
        f"{what.capitalize()} while learning, exploration included. {experiment.title}; "
        f"{coverage(experiment, finished)} finished. Lines: mean over runs; bands: {LEVEL:.0%} intervals of it.{first}"
        f"{known} The book's curves exist as a picture alone, and are not drawn."
    )
