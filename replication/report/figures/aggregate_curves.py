"""Normalized scores over games by frames of training.

The median as in Hessel et al. 2018 (Rainbow), Figures 1 and 3; the interquartile mean as in Agarwal et al. 2021.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from replication.analysis.agent_scores import coverage_texts, trained_agents
from replication.analysis.aggregate_counterparts import (
    SHOWN_TEXT,
    AggregateCounterpart,
    find_aggregate,
    shown_beside_ours,
)
from replication.analysis.aggregate_curves import STATISTICS, aggregate_curves, dqn_zoo_curves
from replication.analysis.finished import FinishedRuns, coverage
from replication.published.references import reference_set
from replication.report.figures.agent_looks import Look, experiment_looks, line_look
from replication.report.figures.figure import REFERENCE_COLOR, FigureResult, house_style
from replication.report.figures.sheet import sheet_width
from replication.specification.experiments import Experiment

NEEDS = {
    "scores": "normalized",
    "published": {
        "atari100k_scores": {"aggregates": "atari100k_aggregates.csv: algorithm, version"},
        "any source": {"curves": "dqn_zoo_summary_curves.csv: agent"},
    },
}
_HUMAN_PERCENT = 100.0
_DQN_ZOO_TEXT = (
    "Dotted, with a band from the least to the greatest of 5 seeds: the same agents' median over all 57 games in "
    "another program, DQN Zoo (google-deepmind/dqn_zoo 45061f4); its evaluation returns are smoothed over 10 "
    "evaluations, and the median is taken over games and then over seeds, so that it is near to ours, not the same "
    "quantity, and says nothing while ours is over fewer games."
)


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw the curves of the agents that have finished runs."""
    references = reference_set(experiment.reference_set)
    agents = finished.once(trained_agents)
    data = aggregate_curves(agents, references)
    zoo = dqn_zoo_curves(experiment, agents)
    published = {}
    for agent in agents:
        for name in STATISTICS:
            found = find_aggregate(experiment, agent, name, references)
            if isinstance(found, AggregateCounterpart):
                published[agent.title, name] = shown_beside_ours(found, name, references)
    levels = [
        {"agent": agent, "statistic": f"published {name}", "value": percent}
        for (agent, name), percent in published.items()
    ]
    titles = {agent.title for agent in agents}
    looks = {title: look for title, look in experiment_looks(experiment).items() if title in titles}
    with house_style():
        figure = _draw(data, zoo, looks, published)
    quantities = sorted({agent.run.protocol.published_quantity for agent in agents})
    measured = {
        "final_evaluation": "Periodic evaluations during training",
        "training_iterations": "Mean training returns of the iterations",
        "training_episodes": "Mean returns of the last training episodes",
    }
    parts = [
        "Median, interquartile mean and mean of normalized scores over games by emulator frames of training; "
        f"{coverage(experiment, finished)} finished.",
        *coverage_texts(agents, references),
        f"{' and '.join(measured[name] for name in quantities) or 'Scores'}: at each frame the last value measured by "
        "then, where every run used has one; a last network's value, not the best one's.",
        "Bands are pointwise 95 % intervals over seeds (stratified bootstrap of 500 resamples of the runs within each "
        "game); one run a game has none.",
        "Short lines at the right are the published final aggregates of the same games, protocol and frames, whose "
        "networks were chosen and evaluated as the paper says, so that they are no points of these curves. "
        f"{SHOWN_TEXT}"
        if published
        else "No aggregate is published for these agents and games.",
        *([_DQN_ZOO_TEXT] if len(zoo) else []),
        f"References: {references.source}; the dashed line is the human tester.",
    ]
    return FigureResult("aggregate_curves", figure, pd.concat([data, zoo, pd.DataFrame(levels)]), " ".join(parts))


def _draw(
    data: pd.DataFrame, zoo: pd.DataFrame, looks: Mapping[str, Look], published: Mapping[tuple[str, str], float]
) -> Figure:
    rows_of_legend = -(-(len(looks) + bool(published) + bool(len(zoo))) // 3)
    top, bottom, panel = 0.2 * rows_of_legend + 0.4, 0.5, 3.1
    height = top + bottom + panel
    figure = Figure(figsize=(sheet_width(), height))
    shown = data if len(data) else zoo
    end = float(shown["frames"].max()) if len(shown) else 1.0
    unit, unit_name = (1e6, "millions") if end >= 1e6 else (1e3, "thousands")
    for column, name in enumerate(STATISTICS):
        axes = figure.add_axes((0.07 + 0.325 * column, bottom / height, 0.265, panel / height))
        axes.set_title(f"{name} over games")
        axes.locator_params(axis="x", nbins=5)
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        axes.axhline(_HUMAN_PERCENT, color=REFERENCE_COLOR, linestyle="--", linewidth=1.0)
        for agent, look in looks.items():
            color = look.color
            rows = data[(data["agent"] == agent) & (data["statistic"] == name)]
            x = rows["frames"] / unit
            marker = "o" if len(rows) < 8 else ""
            axes.plot(x, rows["value"], linewidth=1.8, marker=marker, markersize=3.5, **line_look(look))
            axes.fill_between(x, rows["low"], rows["high"], color=color, alpha=0.22, linewidth=0)
            if name == "median" and len(zoo):
                other = zoo[(zoo["agent"] == agent) & (zoo["frames"] <= end)]
                x = other["frames"] / unit
                axes.plot(x, other["value"], color=color, linewidth=1.2, linestyle=":")
                axes.fill_between(x, other["low"], other["high"], color=color, alpha=0.1, linewidth=0)
            if (agent, name) in published:
                axes.plot([end / unit, 1.05 * end / unit], [published[agent, name]] * 2, color=color, linewidth=2.6)
        axes.set_xlim(0, 1.05 * end / unit)
        if not len(data):
            if name != "median" or not len(zoo):
                axes.set_ylim(0, 1.2 * _HUMAN_PERCENT)
                axes.set_xticks([])
            axes.text(0.5, 0.4, "no finished run with a curve", transform=axes.transAxes, ha="center", color="#737373")
        axes.set_xlabel(f"emulator frames of training ({unit_name})" if len(shown) else "emulator frames of training")
        if column == 0:
            axes.set_ylabel("normalized score (percent)")
    handles = [Line2D([], [], linewidth=1.8, label=agent, **line_look(look)) for agent, look in looks.items()]
    if published:
        handles.append(Line2D([], [], color="#404040", linewidth=2.6, label="published, at the right edge"))
    if len(zoo):
        handles.append(Line2D([], [], color="#404040", linewidth=1.2, linestyle=":", label="DQN Zoo, 57 games"))
    if handles:
        figure.legend(handles=handles, loc="upper left", ncols=3, bbox_to_anchor=(0.06, 1.0))
    return figure
