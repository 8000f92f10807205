"""The figure of a control experiment: shares of successful trials by number of training episodes."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from replication.analysis.control_trials import (
    coverage,
    published_trials,
    success_text,
    successes,
    trials_after,
)
from replication.analysis.proportions import wilson_interval
from replication.analysis.verdicts import LEVEL
from replication.evidence.control_files import FIGURES
from replication.foundation.errors import unknown_name
from replication.report.figures.figure import AGENT_COLOURS, PUBLISHED_COLOUR, FigureResult, house_style
from replication.specification.control_experiments import ControlExperiment

_PUBLISHED = "published"
"""The series of the published numbers."""


def build_figure(experiment: ControlExperiment, name: str, finished: Mapping[str, pd.DataFrame]) -> FigureResult:
    """Draw one of the figures that `FIGURES` names.

    Raises:
        ReplicationError: no such figure.
    """
    if name not in FIGURES:
        raise unknown_name("figure", name, FIGURES)
    data = _shares(experiment, finished)
    with house_style():
        figure = _draw(data)
    return FigureResult(name, figure, data, _caption(experiment, finished))


def _shares(experiment: ControlExperiment, finished: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Gather every number drawn: a row a series and number of training episodes, in percent with 95 % intervals."""
    counts = [(_PUBLISHED, episodes, *counted) for episodes, counted in published_trials(experiment).items()]
    for variant, found in finished.items():
        for episodes in experiment.training_episodes:
            ours = trials_after(found, episodes)
            counts.append((variant, episodes, successes(ours), len(ours)))
    rows = []
    for series, episodes, successful, trials in counts:
        low, high = (100.0 * share for share in wilson_interval(successful, trials, LEVEL))
        rows.append((series, episodes, successful, trials, 100.0 * successful / trials, low, high))
    columns = ["series", "training_episodes", "successful", "trials", "percent", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _draw(data: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    axes = figure.add_subplot()
    series = list(dict.fromkeys(data["series"]))
    places = {episodes: place for place, episodes in enumerate(sorted(set(data["training_episodes"])))}
    colours = dict(zip((name for name in series if name != _PUBLISHED), AGENT_COLOURS, strict=False))
    markers = dict(zip(series, "osD^vP", strict=False))
    for number, name in enumerate(series):
        rows = data[data["series"] == name]
        at = [places[episodes] + 0.1 * (number - (len(series) - 1) / 2) for episodes in rows["training_episodes"]]
        sides = [rows["percent"] - rows["low"], rows["high"] - rows["percent"]]
        style = "--" if name == _PUBLISHED else "-"
        colour = colours.get(name, PUBLISHED_COLOUR)
        marker = {"marker": markers[name], "markersize": 4.5, "linestyle": style, "linewidth": 1.0}
        axes.errorbar(
            at,
            rows["percent"],
            yerr=sides,
            label=name.replace("_", " "),
            color=colour,
            elinewidth=0.9,
            capsize=2,
            **marker,
        )
    axes.set_xticks(list(places.values()), [str(episodes) for episodes in places])
    axes.set_xlabel("random training episodes")
    axes.set_ylabel("successful trials, %")
    axes.set_ylim(-3, 103)
    axes.grid(axis="y")
    figure.legend(loc="outside right upper")
    return figure


def _caption(experiment: ControlExperiment, finished: Mapping[str, pd.DataFrame]) -> str:
    meanings = "; ".join(f"{name}: {experiment.variants[name].title}" for name in finished)
    ours = f"Ours: {meanings}." if finished else "No repetition of ours is finished yet."
    return (
        "Share of successful trials by the number of random training episodes. "
        f"{coverage(experiment, finished)} finished. Published: {experiment.paper}, Table 1. {ours} "
        f"{success_text(experiment)} {experiment.repetitions} trials a point; bars are {LEVEL:.0%} score intervals of "
        "each point alone. Points of one number of episodes stand side by side; the horizontal axis is not to scale."
    )
