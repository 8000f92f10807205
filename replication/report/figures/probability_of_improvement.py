"""The probability that a run of one agent beats a run of another, for each pair of trained agents.

After Agarwal et al. 2021, Section 4.3 (google-research/rliable plot_utils.py plot_probability_of_improvement).
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from replication.analysis.agent_scores import AgentScores, coverage_texts, trained_agents
from replication.analysis.aggregates import RESAMPLES, Scores, bootstrap_interval, probability_of_improvement, resampled
from replication.analysis.finished import FinishedRuns, coverage
from replication.published.references import reference_set
from replication.report.figures.figure import AGENT_COLORS, REFERENCE_COLOR, FigureResult, house_style
from replication.report.figures.sheet import sheet_width
from replication.specification.experiments import Experiment

NEEDS = {"scores": "normalized"}
COLUMNS = ["agent", "other", "games", "probability", "low", "high"]


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw every pair of trained agents, on the games of which both have finished runs."""
    references = reference_set(experiment.reference_set)
    agents = finished.once(trained_agents)
    data = pd.DataFrame([_row(one, other) for one, other in itertools.combinations(agents, 2)], columns=COLUMNS)
    data = data.astype({name: "float64" for name in COLUMNS[3:]})
    with house_style():
        figure = _draw(data)
    parts = [
        "Probability that a run of the agent on the left beats a run of the agent on the right, averaged over games; "
        f"{coverage(experiment, finished)} finished.",
        *coverage_texts(agents, references),
        "On each game it is the Mann-Whitney U statistic over the number of pairs; a tie counts one half. Only games "
        "are used of which both have finished runs. It says how often, not by how much.",
        f"Bars are 95 % intervals over seeds: stratified bootstrap of {RESAMPLES:,} resamples, both agents' runs drawn "
        "anew within each game; with one run a game of both there is none.",
        "The dashed line is one half: neither is better." if len(data) else "It takes two trained agents.",
    ]
    return FigureResult("probability_of_improvement", figure, data, " ".join(parts))


def _row(one: AgentScores, other: AgentScores) -> dict[str, object]:
    shared = [game for game in one.games if game in other.games]
    row: dict[str, object] = {"agent": one.title, "other": other.title, "games": len(shared)}
    if not shared:
        return row | dict.fromkeys(COLUMNS[3:], np.nan)
    ours, theirs = _of_games(one, shared), _of_games(other, shared)
    row["probability"] = float(probability_of_improvement(ours, theirs))
    row["low"] = row["high"] = np.nan
    if len(ours) > 1 or len(theirs) > 1:
        drawn = resampled(ours, np.random.default_rng(0)), resampled(theirs, np.random.default_rng(1))
        row["low"], row["high"] = map(float, bootstrap_interval(probability_of_improvement(*drawn)))
    return row


def _of_games(agent: AgentScores, games: list[str]) -> Scores:
    assert agent.scores is not None
    return agent.scores[:, [agent.games.index(game) for game in games]]


def _draw(data: pd.DataFrame) -> Figure:
    left, right, top, bottom = 2.6, 2.6, 0.15, 0.5
    height = top + bottom + 0.3 * max(len(data), 1)
    figure = Figure(figsize=(sheet_width(), height))
    axes = figure.add_axes(
        (
            left / sheet_width(),
            bottom / height,
            (sheet_width() - left - right) / sheet_width(),
            (height - top - bottom) / height,
        )
    )
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.axvline(0.5, color=REFERENCE_COLOR, linestyle="--", linewidth=1.0)
    for place, row in enumerate(data.to_dict("records")):
        if not np.isnan(row["low"]):
            axes.barh(place, row["high"] - row["low"], left=row["low"], height=0.55, color=AGENT_COLORS[0], alpha=0.5)
        axes.plot([row["probability"]] * 2, [place - 0.28, place + 0.28], color=AGENT_COLORS[0], linewidth=2.2)
        if np.isnan(row["probability"]):
            axes.text(0.02, place, "no game of which both have finished runs", va="center", fontsize=7)
        side: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center"}
        axes.text(1.02, place, row["other"], ha="left", **side)
        axes.text(-0.02, place, row["agent"], ha="right", **side)
    if not len(data):
        axes.text(0.5, 0.0, "fewer than two trained agents", ha="center", va="center")
    axes.set_xlim(0, 1)
    axes.set_ylim(max(len(data), 1) - 0.4, -0.6)
    axes.set_yticks([])
    axes.set_xlabel("probability that a run of the left agent beats one of the right")
    return figure
