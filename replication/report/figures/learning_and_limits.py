"""Returns while learning beside the exact limits of the algorithms, where seeds share a record (Example 6.6)."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from replication.analysis.bundles import BundleRecord, banded, bundle_records
from replication.analysis.exact_references import LIMIT_OF, limits_while_learning
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.intervals import LEVEL
from replication.analysis.learning_curves import agent_title
from replication.report.figures.agent_looks import agent_colors
from replication.report.figures.figure import REFERENCE_COLOR, FigureResult, house_style
from replication.report.figures.sheet import sheet_width
from replication.specification.experiments import Experiment

_LOWEST, _HIGHEST = -100.0, -10.0
"""Returns at the ends of the axis: the book's begins at -100 as well."""


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw a line a record, and a line a limit."""
    records, runs = bundle_records(finished), experiment.runs()
    drawn = {agent_title(record.run, runs): record for record in records}
    limits = limits_while_learning(records[0].run) if records else {}
    known = {LIMIT_OF[r.run.variant.module] for r in records if r.run.variant.module in LIMIT_OF}
    limits = {name: value for name, value in limits.items() if name in known}
    parts = [_points(name, record) for name, record in drawn.items()]
    columns = ["agent", "point", "count", "mean", "low", "high"]
    data = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    with house_style():
        figure = _draw(data, limits, agent_colors(runs, lambda run: agent_title(run, runs)))
    exact = pd.DataFrame([{"agent": f"{name}, exact limit", "mean": value} for name, value in limits.items()])
    both = pd.concat([data, exact], ignore_index=True) if limits else data
    return FigureResult("learning_and_limits", figure, both, _caption(experiment, finished, data, limits))


def _points(agent: str, record: BundleRecord) -> pd.DataFrame:
    part = banded(record.curve)
    part.insert(0, "agent", agent)
    return part


def _draw(data: pd.DataFrame, limits: dict[str, float], colors: Mapping[str, str]) -> Figure:
    figure = Figure(figsize=(sheet_width(8.0), 4.0), layout="constrained")
    axes = figure.subplots()
    for agent in dict.fromkeys(data["agent"]):
        line, color = data[data["agent"] == agent], colors[agent]
        axes.fill_between(line["point"], line["low"], line["high"], color=color, alpha=0.25, linewidth=0)
        axes.plot(line["point"], line["mean"], color=color, linewidth=0.9, label=agent)
    for name, value in limits.items():
        axes.axhline(value, color=REFERENCE_COLOR, linewidth=0.8, linestyle="--")
        axes.annotate(
            f" limit of\n {name},\n {value:.1f}", (1.0, value), xycoords=axes.get_yaxis_transform(), va="center"
        )
    axes.set_ylim(_LOWEST, _HIGHEST)
    axes.set_xlabel("episode")
    axes.set_ylabel("sum of rewards during the episode")
    axes.grid(axis="y")
    if len(data):
        axes.legend(loc="lower right")
    return figure


def _caption(experiment: Experiment, finished: FinishedRuns, data: pd.DataFrame, limits: dict[str, float]) -> str:
    hidden = int((data["mean"] < _LOWEST).sum())
    below = f" {hidden} points lie below the axis." if hidden else ""
    lines = " Broken lines: exact expected returns of the policies that the algorithms tend to." if limits else ""
    return (
        f"Sum of rewards of each episode of learning, exploration included. {experiment.title}; "
        f"{coverage(experiment, finished)} finished. Lines: mean over runs, not smoothed; bands: {LEVEL:.0%} intervals "
        f"of it.{below}{lines} The book's curves exist as a picture alone, and are not drawn."
    )
