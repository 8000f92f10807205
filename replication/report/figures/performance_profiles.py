"""Performance profiles: the share of all runs of all games that scores above each normalized score.

After Agarwal et al. 2021, Figure 6 and Section 4.2 (google-research/rliable plot_utils.py plot_performance_profiles).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from replication.analysis.agent_scores import AgentScores, coverage_texts, trained_agents
from replication.analysis.aggregates import HUMAN_PERCENT, RESAMPLES, bootstrap_interval, performance_profile, resampled
from replication.analysis.finished import FinishedRuns, coverage
from replication.published.references import reference_set
from replication.report.figures.agent_looks import Look, experiment_looks, line_look
from replication.report.figures.figure import REFERENCE_COLOR, FigureResult, house_style
from replication.report.figures.sheet import sheet_width
from replication.specification.experiments import Experiment

NEEDS = {"scores": "normalized"}
_POINTS = 101
_LEAST_REACH, _MOST_REACH = 200.0, 800.0
"""The horizontal axis ends between these, in percent, where a tenth of the runs of the best agent are left."""


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw the profiles of the agents that have finished runs."""
    references = reference_set(experiment.reference_set)
    agents = finished.once(trained_agents)
    thresholds = np.linspace(0.0, _reach(agents), _POINTS)
    rows = [row for agent in agents for row in _rows(agent, thresholds)]
    data = pd.DataFrame(rows, columns=["agent", "threshold_percent", "share", "low", "high"]).astype(
        {name: "float64" for name in ("threshold_percent", "share", "low", "high")}
    )
    with house_style():
        figure = _draw(data, [agent.title for agent in agents], experiment_looks(experiment))
    parts = [
        f"Share of the runs of all games that score above a normalized score; {coverage(experiment, finished)} "
        "finished.",
        *coverage_texts(agents, references),
        f"Bands are pointwise 95 % intervals over seeds: stratified bootstrap of {RESAMPLES:,} resamples of the runs "
        "within each game; one run a game has none. A curve that lies higher everywhere is better throughout; where it "
        "crosses one half is the median over runs and games.",
        f"References: {references.source}; the vertical line is the human tester, 100 percent.",
    ]
    return FigureResult("performance_profiles", figure, data, " ".join(parts))


def _reach(agents: list[AgentScores]) -> float:
    ends = [float(np.percentile(agent.scores, 90)) for agent in agents if agent.scores is not None]
    return float(np.clip(np.ceil(max(ends, default=0.0) / 100.0) * 100.0, _LEAST_REACH, _MOST_REACH))


def _rows(agent: AgentScores, thresholds: np.ndarray) -> list[dict[str, object]]:
    if agent.scores is None:
        return []
    profile = performance_profile(agent.scores, thresholds)
    low = high = np.full(len(thresholds), np.nan)
    if agent.runs > 1:
        drawn = resampled(agent.scores, np.random.default_rng(0))
        low, high = bootstrap_interval(performance_profile(drawn, thresholds))
    columns = zip(thresholds, profile, low, high, strict=True)
    return [
        {"agent": agent.title, "threshold_percent": at, "share": share, "low": least, "high": most}
        for at, share, least, most in columns
    ]


def _draw(data: pd.DataFrame, agents: list[str], looks: Mapping[str, Look]) -> Figure:
    figure = Figure(figsize=(sheet_width(), 4.4))
    axes = figure.add_axes((0.075, 0.13, 0.905, 0.74 if len(agents) > 3 else 0.78))
    axes.grid()
    axes.set_axisbelow(True)
    axes.axvline(HUMAN_PERCENT, color=REFERENCE_COLOR, linestyle="--", linewidth=1.0)
    axes.set_ylim(0, 1)
    axes.set_xlim(0, float(data["threshold_percent"].max()) if len(data) else _LEAST_REACH)
    for agent in agents:
        look = looks[agent]
        rows = data[data["agent"] == agent]
        label = agent if len(rows) else f"{agent} (no finished run)"
        axes.plot(rows["threshold_percent"], rows["share"], linewidth=1.8, label=label, **line_look(look))
        axes.fill_between(
            rows["threshold_percent"], rows["low"], rows["high"], color=look.color, alpha=0.22, linewidth=0
        )
    axes.set_xlabel("normalized score τ (percent; 0 random play, 100 human tester)")
    axes.set_ylabel("share of runs with a score above τ")
    if agents:
        figure.legend(loc="upper left", ncols=3, bbox_to_anchor=(0.06, 1.0))
    return figure
