"""Return against emulator frames, one panel a game: our runs beside the published curve, score and references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from replication.analysis.finished import FinishedRuns
from replication.analysis.learning_curves import (
    agent_title,
    learning_curves,
    published_curve_series,
    smoothing_window_frames,
    trained_frames,
)
from replication.report.figures.agent_looks import Look, agent_looks
from replication.report.figures.figure import PUBLISHED_COLOR, FigureResult, house_style
from replication.report.figures.learning_curve_panels import Panel, Scale, draw_panel
from replication.report.figures.learning_curves_caption import caption
from replication.report.figures.legends import draw_legend, drawn_entries, legend_height
from replication.report.figures.sheet import columns_that_fit, sheet_width
from replication.specification.experiments import Experiment
from replication.specification.run import Run

NEEDS = {
    "scores": "normalized",
    "published": {
        "dopamine_curves": {
            "algorithm": ["DQN", "C51", "Rainbow", "IQN", "DQN_Adam_MSE_JAX", "Quantile_JAX"],
            "agents": ["DQN", "C51", "Rainbow", "IQN", "DQN_Adam_MSE_JAX", "Quantile_JAX"],
        },
        "nature_2015_table2": {"algorithm": ["dqn", "random"]},
    },
}
MOST_PANELS = 12
"""More games than these are drawn in a second image, which the page shows on demand."""
_TWO_POINTS_FRAMES = 2e6
"""A published curve is shown at least this far, so that there is a curve to see."""
_LEAST_PANEL_INCHES = 3.0


@dataclass(frozen=True)
class Layout:
    """Sizes of a grid of panels, in inches."""

    columns: int
    panel_height: float
    label_width: float


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw the learning curves of the runs that are finished."""
    runs = experiment.runs()
    window_frames = smoothing_window_frames(max((trained_frames(found) for found in finished), default=0))
    data = learning_curves(experiment, finished, window_frames)
    panels = panels_of(runs, finished, data)
    looks = agent_looks(runs, lambda run: agent_title(run, runs))
    published = _published_looks(experiment, runs, looks)
    scale = _scale(data, published, runs)
    with house_style():
        figure = draw(panels[:MOST_PANELS], looks, published, scale)
        rest = draw(panels[MOST_PANELS:], looks, published, scale) if len(panels) > MOST_PANELS else None
    text = caption(experiment, finished, data, window_frames, panels_apart=max(0, len(panels) - MOST_PANELS))
    return FigureResult("learning_curves", figure, data, text, rest)


def panels_of(runs: Sequence[Run], finished: FinishedRuns, data: pd.DataFrame) -> list[Panel]:
    """Return a panel a game; where there are too many for one image, those with finished runs come first."""
    panels = [
        Panel(
            game,
            sum(found.run.task.name == game for found in finished),
            sum(run.task.name == game for run in runs),
            data[data["game"] == game],
        )
        for game in dict.fromkeys(run.task.name for run in runs)
    ]
    return panels if len(panels) <= MOST_PANELS else sorted(panels, key=lambda panel: panel.done == 0)


def _published_looks(experiment: Experiment, runs: Sequence[Run], looks: Mapping[str, Look]) -> dict[str, str]:
    """Return the color of each series of published curves: that of our agent; black where there is one curve."""
    series = published_curve_series(experiment)
    if len(series) < 2 or experiment.published is None:
        return dict.fromkeys(series.values(), PUBLISHED_COLOR)
    ours = {run.variant.variant: looks[agent_title(run, runs)].color for run in runs}
    return {series[agent]: ours[variant] for variant, agent in experiment.published.agents.items()}


def _scale(data: pd.DataFrame, published: Mapping[str, str], runs: Sequence[Run]) -> Scale:
    """Return the horizontal axis that all panels share: as far as our runs go, and a little of a published curve.

    As long as none is finished, a published curve is shown as far as ours will go.
    """
    end_frames = float(data.loc[data["agent"] != "", "frames"].max())
    if data["series"].isin(list(published)).any():
        planned = max(run.training_frames for run in runs)
        end_frames = max(float(planned) if np.isnan(end_frames) else end_frames, _TWO_POINTS_FRAMES)
    return Scale(end_frames)


def layout(panels: int) -> Layout:
    """Return a grid that stays readable: few panels are large, and none is narrower than its labels need."""
    wanted = {1: 1, 2: 2, 4: 2}.get(panels, 3)
    columns = columns_that_fit(panels, wanted, _LEAST_PANEL_INCHES)
    height = {1: 4.2, 2: 3.2, 3: 2.6, 4: 2.5, 5: 2.5, 6: 2.5}.get(panels, 2.0)
    return Layout(columns, min(height, 0.65 * sheet_width() / columns), 1.2 if sheet_width() > 4 else 0.95)


def draw(panels: Sequence[Panel], looks: Mapping[str, Look], published: Mapping[str, str], scale: Scale) -> Figure:
    """Draw the panels and above them the legend of what is in them; vertical axes are not shared.

    Args:
        panels: one a game, at least one.
        looks: of our agents, in the order of the legend.
        published: series of published curves and their colors.
        scale: the horizontal axis.
    """
    plan, width = layout(len(panels)), sheet_width()
    rows = -(-len(panels) // plan.columns)
    bottom, left = 0.62, 0.85
    gap_below, axis_width = 0.62, 0.55
    panel_width = (width - left - (plan.columns - 1) * axis_width) / plan.columns - plan.label_width
    figure = Figure(figsize=(width, 1.0))
    grid: list[Axes] = []
    for panel in panels:
        axes = figure.add_axes((0.0, 0.0, panel_width / width, 1.0), label=panel.game)
        draw_panel(axes, panel, looks, published, scale, (panel_width, plan.panel_height))
        grid.append(axes)
    # The legend is made from what is drawn, and its height decides where panels stand.
    entries = drawn_entries(grid, first=list(looks))
    top = legend_height(list(entries)) + 0.34
    height = top + rows * plan.panel_height + (rows - 1) * gap_below + bottom
    figure.set_size_inches(width, height)
    for place, axes in enumerate(grid):
        row, column = divmod(place, plan.columns)
        x = left + column * (panel_width + plan.label_width + axis_width)
        y = height - top - row * (plan.panel_height + gap_below) - plan.panel_height
        axes.set_position((x / width, y / height, panel_width / width, plan.panel_height / height))
    draw_legend(figure, entries, loc="upper left", bbox_to_anchor=(0.01, 1.0))
    if not np.isnan(scale.end_frames):
        figure.text(0.5, 0.14 / height, f"emulator frames of training ({scale.unit_name})", ha="center", fontsize=9)
    words = "return of an episode (the game's own points)"
    figure.text(0.12 / width, 0.5, words, va="center", rotation=90, fontsize=9)
    return figure
