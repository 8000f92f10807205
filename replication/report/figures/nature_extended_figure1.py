"""States of two policies, the trained agent's play and random play, as one network sees them, in one t-SNE embedding.

The article's second policy is a human; no human play is published, so here it is random play.

Source: Mnih et al. 2015, Extended Data Figure 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from scipy.spatial import KDTree

from replication.analysis.finished import FinishedRun, FinishedRuns
from replication.report.figures.figure import (
    AGENT_COLORS,
    COLOR_MAP,
    REFERENCE_COLOR,
    FigureResult,
    bare,
    house_style,
    trained_frames,
    tsne_settings,
)
from replication.report.figures.sheet import sheet_width
from replication.specification.experiments import Experiment

MOST_RUNS = 3
NEIGHBORS = 10
_COLUMNS = ["variant", "game", "seed", "policy", "x", "y", "value", "episode", "frame"]
_POLICIES = {
    "agent": ("the trained agent's play", AGENT_COLORS[0], "o"),
    "random": ("random play", AGENT_COLORS[1], "^"),
}


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw the longest finished runs whose network has seen random play too."""
    with_points = [found for found in finished if found.embedding_policies is not None]
    shown = sorted(with_points, key=lambda found: -trained_frames(found))[:MOST_RUNS]
    data = gather(shown)
    with house_style():
        figure = draw(shown)
    trained = sum(run.family.trains for run in experiment.runs())
    return FigureResult("nature_extended_figure1", figure, data, caption(shown, len(with_points), trained))


def gather(shown: Sequence[FinishedRun]) -> pd.DataFrame:
    """Gather the points drawn: coordinates without unit, value in clipped discounted reward, frame in its episode."""
    tables = [
        found.embedding_policies.assign(
            variant=found.run.variant.variant, game=found.run.task.name, seed=found.run.seed
        )
        for found in shown
        if found.embedding_policies is not None
    ]
    return pd.concat(tables, ignore_index=True)[_COLUMNS] if tables else pd.DataFrame(columns=_COLUMNS)


def draw(shown: Sequence[FinishedRun]) -> Figure:
    """Draw a row a run: the same points colored by policy, and by predicted value."""
    figure = Figure(figsize=(sheet_width(), 4.7 * len(shown) if shown else 1.6), layout="constrained")
    if not shown:
        words = "no finished run has an embedding of two policies yet"
        figure.text(0.5, 0.5, words, ha="center", va="center", color=REFERENCE_COLOR)
        return figure
    grid = figure.subplots(len(shown), 2, squeeze=False)
    for (left, right), found in zip(grid, shown, strict=True):
        points = found.embedding_policies
        assert points is not None
        for name, (words, color, marker) in _POLICIES.items():
            mine = points[points["policy"] == name]
            left.scatter(mine["x"], mine["y"], s=10, color=color, marker=marker, linewidths=0, alpha=0.75, label=words)
            drawn = right.scatter(
                mine["x"],
                mine["y"],
                c=mine["value"],
                vmin=float(points["value"].min()),
                vmax=float(points["value"].max()),
                cmap=COLOR_MAP,
                s=10,
                marker=marker,
                linewidths=0,
            )
        left.set_title(f"{found.run.task.title}, {found.run.variant.title}, seed {found.run.seed}")
        left.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=2, markerscale=2)
        for axes in (left, right):
            axes.set_aspect("equal", adjustable="datalim")
            bare(axes)
        _color_bar(figure, right, drawn)
    return figure


def _color_bar(figure: Figure, axes: Axes, drawn: ScalarMappable) -> None:
    bar = figure.colorbar(drawn, ax=axes, location="bottom", fraction=0.04, pad=0.02, aspect=40)
    bar.set_label("predicted value: max Q(s, a)")
    bar.outline.set_visible(False)


def shared_neighbours(points: pd.DataFrame) -> float:
    """Compute the mean share, 0 to 1, of the agent's states among the `NEIGHBORS` nearest to one of random play."""
    agent = (points["policy"] == "agent").to_numpy()
    places = points[["x", "y"]].to_numpy(np.float64)
    count = min(NEIGHBORS, len(points) - 1)
    if not count or agent.all():
        return float("nan")
    _, nearest = KDTree(places).query(places[~agent], k=count + 1)  # the nearest is the state itself
    return float(agent[nearest[:, 1:]].mean())


def caption(shown: Sequence[FinishedRun], with_points: int, trained: int) -> str:
    """Write what the points are, and how this departs from the article's figure.

    Args:
        shown: the runs drawn, one a row.
        with_points: finished runs that have such an embedding.
        trained: runs of the experiment that train.
    """
    if not shown:
        return (
            f"States of two policies in one embedding. 0 of {trained} trained runs have one yet: it is computed from a "
            "run's evaluated network."
        )
    texts = []
    for found in shown:
        points = found.embedding_policies
        assert points is not None
        share, counts = shared_neighbours(points), points["policy"].value_counts()
        texts.append(
            f"{found.run.task.title}, {found.run.variant.title}, seed {found.run.seed}, trained for "
            f"{trained_frames(found):,} frames, protocol {found.run.protocol.protocol}: {counts.get('agent', 0):,} "
            f"states of the agent's final evaluation and {counts.get('random', 0):,} of random play; of the "
            f"{NEIGHBORS} states nearest to one of random play, {share:.0%} are the agent's."
        )
    parts = [
        "States that a trained agent and random play meet, in one t-SNE embedding of the agent's last hidden layer.",
        *texts,
        "Left by policy, right by the value that the agent's network predicts (the largest action value, in clipped "
        "and discounted reward).",
        "Deviation: in Extended Data Figure 1 of Mnih et al. 2015 the second policy is a human, whose play is not "
        "published; here it is up to five minutes of random actions, one a step, with the same starts and episodes.",
        "t-SNE keeps neighbors together; its axes have no units and distances between far groups mean nothing.",
        tsne_settings(shown),
        f"{with_points} of {trained} trained runs of the experiment have such an embedding.",
    ]
    return " ".join(filter(None, parts))
