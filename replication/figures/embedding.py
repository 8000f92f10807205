"""What a trained network makes of the states it meets: two t-SNE coordinates a state, coloured by its predicted value.

After Mnih et al. 2015, Figure 4. The coordinates are a product of the run; this module only draws them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from replication.analysis.finished import FinishedRun, load_runs
from replication.experiments import Experiment
from replication.figures import REFERENCE_COLOUR, WIDTH_INCHES, FigureResult, house_style
from replication.games import find_game

MOST_PANELS = 4
COLOUR_MAP = "viridis"
"""Perceptually uniform, and read alike with the common colour-vision deficiencies."""

_COLUMNS = ["variant", "game", "seed", "x", "y", "value", "episode", "frame"]
_PANEL_HEIGHT_INCHES = 4.1
_MARGIN_INCHES = 0.35
_GAP_INCHES = 0.55


def build(experiment: Experiment, results: Path) -> FigureResult:
    """Draw the embeddings of the longest finished runs that have one."""
    finished = load_runs(experiment, results)
    with_points = [run for run in finished if run.embedding is not None]
    # A stable sort: among runs of equal length the experiment's order decides.
    shown = sorted(with_points, key=lambda run: -_trained_frames(run))[:MOST_PANELS]
    with house_style():
        figure = draw(shown)
    trained = sum(run.variant.family != "untrained" for run in experiment.runs())
    return FigureResult("embedding", figure, gather(shown), caption(shown, len(with_points), trained))


def gather(shown: Sequence[FinishedRun]) -> pd.DataFrame:
    """Every point drawn: coordinates without unit, value in discounted clipped reward, frame within its episode."""
    tables = []
    for run in shown:
        assert run.embedding is not None
        named = run.embedding.assign(variant=run.run.variant.variant, game=run.run.game, seed=run.run.seed)
        tables.append(named[_COLUMNS])
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=_COLUMNS)


def draw(shown: Sequence[FinishedRun]) -> Figure:
    """One panel a run, each with a colour scale of its own: values of different games do not compare."""
    columns = 1 if len(shown) <= 1 else 2
    rows = max(1, -(-len(shown) // 2))
    width = WIDTH_INCHES if columns == 2 else WIDTH_INCHES * 0.62
    height = rows * (_PANEL_HEIGHT_INCHES + _GAP_INCHES) if shown else 1.6
    figure = Figure(figsize=(width, height), layout="constrained")
    if not shown:
        figure.text(0.5, 0.5, "no finished run has an embedding yet", ha="center", va="center", color=REFERENCE_COLOUR)
        return figure
    for place, run in enumerate(shown, start=1):
        assert run.embedding is not None
        axes = figure.add_subplot(rows, columns, place)
        points = axes.scatter(
            run.embedding["x"], run.embedding["y"], c=run.embedding["value"], cmap=COLOUR_MAP, s=9, linewidths=0
        )
        axes.set_title(f"{find_game(run.run.game).title}, {run.run.variant.title}, seed {run.run.seed}")
        axes.set_aspect("equal", adjustable="datalim")
        axes.set_xticks([])
        axes.set_yticks([])
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        # The light end of the map is seen against a grey ground as well as the dark end.
        axes.set_facecolor("#ececec")
        bar = figure.colorbar(points, ax=axes, fraction=0.046, pad=0.02)
        bar.set_label("predicted value: max Q(s, a)")
        bar.outline.set_visible(False)
    return figure


def caption(shown: Sequence[FinishedRun], with_points: int, trained: int) -> str:
    """What the points are, and how they were placed.

    Args:
        shown: the runs drawn, one a panel.
        with_points: finished runs that have an embedding.
        trained: runs of the experiment that train.
    """
    if not shown:
        return (
            f"Embedding of the states a trained network meets. 0 of {trained} trained runs have one yet. It is "
            "computed from the states of a run's final evaluation."
        )
    names = "; ".join(
        f"{find_game(run.run.game).title}, {run.run.variant.title}, seed {run.run.seed}: {_points(run):,} states, "
        f"trained for {_trained_frames(run):,} frames"
        for run in shown
    )
    parts = [
        f"Two-dimensional t-SNE embedding of the last hidden layer for {len(shown)} trained "
        f"{'run' if len(shown) == 1 else 'runs'}.",
        f"{names}.",
        "Each point is a state met in the run's final evaluation, evenly spaced over its episodes, coloured by the "
        "value the network predicts for it (the largest action value, in clipped and discounted reward).",
        "t-SNE keeps neighbours together; its axes have no units and distances between far groups mean nothing.",
        _settings(shown),
    ]
    if len(shown) > 1:
        parts.append("Each panel has a colour scale of its own.")
    left_out = f", the {len(shown)} longest are shown" if with_points > len(shown) else ""
    parts.append(f"{with_points} of {trained} trained runs of the experiment have an embedding{left_out}.")
    return " ".join(part for part in parts if part)


def _settings(shown: Sequence[FinishedRun]) -> str:
    """Perplexity and seed of t-SNE as the runs recorded them; empty where none did."""
    stated: dict[str, None] = {}
    for run in shown:
        settings = run.record.get("embedding") or {}
        if "perplexity" in settings and "seed" in settings:
            stated[f"perplexity {settings['perplexity']}, random seed {settings['seed']}"] = None
    return f"t-SNE settings: {'; '.join(stated)}." if stated else ""


def _points(run: FinishedRun) -> int:
    return 0 if run.embedding is None else len(run.embedding)


def _trained_frames(run: FinishedRun) -> int:
    counted = (run.record.get("counts") or {}).get("frames_nominal")
    return int(counted if counted is not None else run.run.budget.steps * run.run.protocol.training.frame_skip)
