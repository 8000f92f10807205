"""Returns by step size, in the first episodes and over many, as Sutton & Barto's Figure 6.3 draws them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from replication.analysis.bundles import BundleRecord, bundle_records
from replication.analysis.exact_references import LIMIT_OF, limits_while_learning
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.intervals import LEVEL, interval
from replication.report.figures.agent_looks import agent_colors
from replication.report.figures.figure import REFERENCE_COLOR, FigureResult, house_style
from replication.report.figures.sheet import sheet_width
from replication.report.tables.exact_limits import algorithm_title, step_size_of
from replication.specification.experiments import Experiment

_LOWEST, _HIGHEST = -160.0, 0.0
_MARKERS = ("x", "v", "s")
_COLUMNS = ["agent", "episodes", "step_size", "runs", "mean", "low", "high"]


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw a line an algorithm and length of training, a point a record."""
    records = bundle_records(finished)
    data = pd.DataFrame([_point(record) for record in records], columns=_COLUMNS)
    data = data.sort_values(["agent", "episodes", "step_size"], ignore_index=True)
    known = {LIMIT_OF[r.run.variant.module] for r in records if r.run.variant.module in LIMIT_OF}
    limits = (
        {name: value for name, value in limits_while_learning(records[0].run).items() if name in known} if known else {}
    )
    with house_style():
        figure = _draw(data, limits, agent_colors(experiment.runs(), algorithm_title))
    exact = pd.DataFrame([{"agent": f"{name}, exact limit", "mean": value} for name, value in limits.items()])
    return FigureResult(
        "step_sizes",
        figure,
        pd.concat([data, exact], ignore_index=True) if limits else data,
        _caption(experiment, finished, data),
    )


def _point(record: BundleRecord) -> dict[str, object]:
    low, high = interval(record.score, LEVEL)
    run = record.run
    agent, episodes, size = algorithm_title(run), run.budget.episodes, step_size_of(run)
    return dict(zip(_COLUMNS, (agent, episodes, size, record.seeds, record.mean, low, high), strict=True))


def _draw(data: pd.DataFrame, limits: dict[str, float], colors: Mapping[str, str]) -> Figure:
    figure = Figure(figsize=(sheet_width(8.5), 5.5), layout="constrained")
    axes = figure.subplots()
    longest = data["episodes"].max() if len(data) else 0
    for place, agent in enumerate(dict.fromkeys(data["agent"])):
        look = colors[agent], _MARKERS[place % len(_MARKERS)]
        for episodes, line in data[data["agent"] == agent].groupby("episodes"):
            _draw_line(axes, line, look, f"{agent}, first {episodes:,} episodes", broken=episodes != longest)
    for name, value in limits.items():
        axes.axhline(value, color=REFERENCE_COLOR, linewidth=0.8, linestyle=":")
        axes.annotate(
            f" limit of\n {name},\n {value:.1f}", (1.0, value), xycoords=axes.get_yaxis_transform(), va="center"
        )
    axes.set_ylim(_LOWEST, _HIGHEST)
    axes.set_xlabel("step size")
    axes.set_ylabel("sum of rewards per episode")
    axes.grid(axis="y")
    if len(data):
        figure.legend(loc="outside lower center", ncols=3 if sheet_width() > 5 else 1)
    return figure


def _draw_line(axes: Axes, line: pd.DataFrame, look: tuple[str, str], label: str, *, broken: bool) -> None:
    color, marker = look
    axes.fill_between(line["step_size"], line["low"], line["high"], color=color, alpha=0.25, linewidth=0)
    axes.plot(
        line["step_size"],
        line["mean"],
        color=color,
        marker=marker,
        markersize=4,
        linewidth=1.0,
        linestyle="--" if broken else "-",
        label=label,
    )


def _caption(experiment: Experiment, finished: FinishedRuns, data: pd.DataFrame) -> str:
    hidden = data[data["mean"] < _LOWEST]
    said = ", ".join(
        f"{row.agent} at step size {row.step_size:g}, {row.mean:,.0f}" for row in hidden.itertuples(index=False)
    )
    below = f" Below the axis: {said}." if said else ""
    return (
        f"Sum of rewards per episode by step size, exploration included. {experiment.title}; "
        f"{coverage(experiment, finished)} finished. Broken lines: mean over the first episodes; whole lines: over all "
        "episodes of long runs, the first among them, as in the book, which has 50,000 runs of the first and 10 of the "
        "long ones; ours are numbered in the data. Bands, mostly narrower than the lines: "
        f"{LEVEL:.0%} intervals over runs.{below} Dotted: exact limits. The book's curves exist as a picture alone, "
        "and are not drawn."
    )
