"""Aggregates of every trained agent with their intervals over seeds, beside the published aggregates.

After Agarwal et al. 2021, Figure 9 (google-research/rliable plot_utils.py plot_interval_estimates).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from replication.analysis.agent_scores import AgentScores, coverage_texts, trained_agents
from replication.analysis.aggregate_counterparts import (
    SHOWN_TEXT,
    AggregateCounterpart,
    find_aggregate,
    shown_beside_ours,
)
from replication.analysis.aggregates import RESAMPLES, STATISTICS, bootstrap_interval, resampled
from replication.analysis.finished import FinishedRuns, coverage
from replication.published.references import ReferenceSet, reference_set
from replication.report.figures.agent_looks import Look, experiment_looks
from replication.report.figures.figure import PUBLISHED_COLOR, FigureResult, house_style
from replication.report.figures.sheet import sheet_width
from replication.specification.experiments import Experiment

NEEDS = {
    "scores": "normalized",
    "published": {"atari100k_scores": {"aggregates": "atari100k_aggregates.csv: algorithm, version"}},
}
COLUMNS = ["agent", "statistic", "runs_a_game", "games", "value", "low", "high", "published"]
"""Percent, but for the counts; low and high are empty for one run a game, published where nothing is."""


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw the aggregates of the agents that have finished runs."""
    references = reference_set(experiment.reference_set)
    agents = finished.once(trained_agents)
    data = pd.DataFrame(
        [row for agent in agents for row in _rows(experiment, agent, references)], columns=COLUMNS
    ).astype({name: "float64" for name in COLUMNS[4:]})
    with house_style():
        figure = _draw(data, [agent.title for agent in agents], experiment_looks(experiment))
    published = (
        f"Black lines are published aggregates of the same games, protocol and frames: {experiment.paper}. {SHOWN_TEXT}"
    )
    parts = [
        f"Aggregates of normalized scores over games, in percent; {coverage(experiment, finished)} finished.",
        *coverage_texts(agents, references),
        f"Bars are 95 % intervals over seeds: stratified bootstrap of {RESAMPLES:,} resamples of the runs within each "
        "game; one run a game has none, and few runs give too narrow ones.",
        "More is better, but for the optimality gap, the average distance below 100.",
        published if data["published"].notna().any() else "No aggregate is published for these agents and games.",
        f"References: {references.source}.",
    ]
    return FigureResult("aggregate_intervals", figure, data, " ".join(parts))


def _rows(experiment: Experiment, agent: AgentScores, references: ReferenceSet) -> list[dict[str, object]]:
    rows = []
    drawn = None if agent.scores is None else resampled(agent.scores, np.random.default_rng(0))
    for name, statistic in STATISTICS.items():
        found = find_aggregate(experiment, agent, name, references)
        low, high = np.nan, np.nan
        if drawn is not None and agent.runs > 1:
            low, high = map(float, bootstrap_interval(statistic(drawn)))
        rows.append(
            {
                "agent": agent.title,
                "statistic": name,
                "runs_a_game": agent.runs,
                "games": len(agent.used),
                "value": np.nan if agent.scores is None else float(statistic(agent.scores)),
                "low": low,
                "high": high,
                "published": shown_beside_ours(found, name, references)
                if isinstance(found, AggregateCounterpart)
                else np.nan,
            }
        )
    return rows


def _draw(data: pd.DataFrame, agents: list[str], looks: Mapping[str, Look]) -> Figure:
    names, left, top, bottom = list(STATISTICS), 2.3, 0.62, 0.55
    height = top + bottom + 0.32 * max(len(agents), 1)
    figure = Figure(figsize=(sheet_width(), height))
    gap = 0.28
    width = (sheet_width() - left - 0.2 - gap * (len(names) - 1)) / len(names)
    for column, name in enumerate(names):
        x = left + column * (width + gap)
        axes = figure.add_axes(
            (x / sheet_width(), bottom / height, width / sheet_width(), (height - top - bottom) / height)
        )
        axes.set_title(name)
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        rows = data[data["statistic"] == name]
        for place, (agent, row) in enumerate(zip(rows["agent"], rows.to_dict("records"), strict=True)):
            if not np.isnan(row["low"]):
                axes.barh(
                    place, row["high"] - row["low"], left=row["low"], height=0.6, color=looks[agent].color, alpha=0.55
                )
            axes.plot([row["value"]] * 2, [place - 0.3, place + 0.3], color=looks[agent].color, linewidth=2.2)
            if not np.isnan(row["published"]):
                axes.plot([row["published"]] * 2, [place - 0.42, place + 0.42], color=PUBLISHED_COLOR, linewidth=1.3)
            if np.isnan(row["value"]):
                axes.text(0.03, place, "no finished run", transform=axes.get_yaxis_transform(), va="center", fontsize=7)
        axes.set_ylim(max(len(agents), 1) - 0.4, -0.6)
        axes.set_yticks(range(len(agents)), agents if column == 0 else [""] * len(agents))
        axes.tick_params(axis="y", length=0)
        axes.locator_params(axis="x", nbins=4)
        numbers = rows[["value", "low", "high", "published"]].to_numpy()
        ends = (0.0, 100.0) if np.isnan(numbers).all() else (float(np.nanmin(numbers)), float(np.nanmax(numbers)))
        pad = max(0.07 * (ends[1] - ends[0]), 1.0)
        axes.set_xlim(ends[0] - pad, ends[1] + pad)
    figure.text((left + sheet_width()) / 2 / sheet_width(), 0.1 / height, "normalized score (percent)", ha="center")
    handles = [Line2D([], [], color="#404040", linewidth=2.2, label="ours, with its 95 % interval over seeds")]
    if data["published"].notna().any():
        handles.append(Line2D([], [], color=PUBLISHED_COLOR, linewidth=1.3, label="published"))
    figure.legend(handles=handles, loc="upper left", ncols=2, bbox_to_anchor=(left / sheet_width(), 1.0))
    return figure
