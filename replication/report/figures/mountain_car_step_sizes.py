"""Steps of the first episodes of the mountain car by step size and n, as Sutton & Barto's Figure 10.4 draws them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from replication.analysis.bundles import BundleRecord, bundle_records
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.intervals import LEVEL, interval
from replication.report.figures.agent_looks import Look, agent_looks
from replication.report.figures.figure import FigureResult, house_style
from replication.report.figures.sheet import sheet_width
from replication.report.tables.mountain_car_statements import config_of, cut_text
from replication.specification.experiments import Experiment
from replication.specification.run import Run

_LOWEST, _HIGHEST = 210.0, 300.0
"""Steps at the ends of the axis, nearly as in the book."""
_MARKERS = ("o", "v", "s", "x", "d")
_COLUMNS = ["n", "step_size", "runs", "mean", "low", "high"]


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw a line an n, a point a record."""
    records = bundle_records(finished)
    data = pd.DataFrame([_point(record) for record in records], columns=_COLUMNS)
    data = data.sort_values(["n", "step_size"], ignore_index=True)
    with house_style():
        figure = _draw(data, agent_looks(experiment.runs(), _line_name, _line_name))
    return FigureResult("mountain_car_step_sizes", figure, data, _caption(experiment, finished, records, data))


def _point(record: BundleRecord) -> dict[str, float]:
    low, high = interval(record.score, LEVEL)
    config = config_of(record.run)
    values = config.n_steps, config.step_size, record.seeds, -record.mean, -high, -low
    return dict(zip(_COLUMNS, values, strict=True))


def _line_name(run: Run) -> str:
    return f"n = {config_of(run).n_steps}"


def _draw(data: pd.DataFrame, looks: Mapping[str, Look]) -> Figure:
    figure = Figure(figsize=(sheet_width(8.0), 4.5), layout="constrained")
    axes = figure.subplots()
    for place, (n, line) in enumerate(data.groupby("n")):
        color, marker = looks[f"n = {n}"].color, _MARKERS[place % len(_MARKERS)]
        axes.fill_between(line["step_size"], line["low"], line["high"], color=color, alpha=0.25, linewidth=0)
        size, mean = line["step_size"], line["mean"]
        axes.plot(size, mean, label=f"n = {n}", color=color, marker=marker, markersize=4, linewidth=1.0)
    axes.set_ylim(_LOWEST, _HIGHEST)
    axes.set_xlabel("step size × number of tilings (8)")
    axes.set_ylabel("steps per episode, first 50 episodes")
    axes.grid(axis="y")
    if len(data):
        axes.legend(loc="upper right")
    return figure


def _caption(experiment: Experiment, finished: FinishedRuns, records: list[BundleRecord], data: pd.DataFrame) -> str:
    hidden = int((data["mean"] > _HIGHEST).sum())
    above = f" {hidden} points lie above the axis." if hidden else ""
    return (
        f"Mean steps of an episode, over the first 50 episodes, by step size and n. {experiment.title}; "
        f"{coverage(experiment, finished)} finished. Bands, mostly narrower than the lines: {LEVEL:.0%} intervals over "
        f"runs.{above} {cut_text(records)} The book's curves exist as a picture alone, and are not drawn."
    )
