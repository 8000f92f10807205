"""States that a trained network meets, by the t-SNE of its last hidden layer, colored by predicted value.

Beside them are the screens of a few states, where the run has them.

After Mnih et al. 2015, Figure 4. Coordinates and screens are products of the run; this module only draws them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.patches import ConnectionPatch

from replication.analysis.finished import FinishedRuns
from replication.report.figures.figure import (
    COLOR_MAP,
    REFERENCE_COLOR,
    FigureResult,
    bare,
    house_style,
    show_screen,
    trained_frames,
    tsne_settings,
)
from replication.report.figures.sheet import columns_that_fit, sheet_width
from replication.report.views.screens import Picture, load_screens
from replication.specification.experiments import Experiment
from replication.specification.run import Run

MOST_PANELS = 4

_COLUMNS = ["variant", "game", "seed", "x", "y", "value", "episode", "frame", "screen"]
_PANEL_HEIGHT_INCHES = 4.1
_SCREEN_INCHES = 1.5
"""Width of a screen; of a dozen, half stand above the points and half below."""
_GAP_INCHES, _LEAST_PANEL_INCHES = 0.45, 3.5


_POINTS_TEXT = (
    "Points are colored by the value the network predicts ({}, in clipped and discounted reward). t-SNE keeps "
    "neighbors together; its axes have no units and distances between far groups mean nothing."
)
_SCREENS_TEXT = (
    "The numbered screens are those of the circled states, one near the middle of each of as many clusters (k-means)."
)


@dataclass(frozen=True)
class Panel:
    """The states of one network.

    Attributes:
        run: whose game it plays.
        trained_frames: emulator frames that its network was trained for.
        points: x, y, value, episode, frame; a state a row.
        screens: number beside a screen to row of `points` and screen; empty where there are none.
    """

    run: Run
    trained_frames: int
    points: pd.DataFrame
    screens: Mapping[int, tuple[int, Picture]]

    @property
    def title(self) -> str:
        """Game, agent and seed."""
        return f"{self.run.task.title}, {self.run.variant.title}, seed {self.run.seed}"


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw the embeddings of the longest finished runs that have one."""
    with_points = [run for run in finished if run.embedding is not None]
    # A stable sort: among runs of equal length the experiment's order decides.
    longest = sorted(with_points, key=lambda run: -trained_frames(run))[:MOST_PANELS]
    shown = [
        panel(found.run, trained_frames(found), found.embedding, found.folder)
        for found in longest
        if found.embedding is not None
    ]
    with house_style():
        figure = draw(shown)
    trained = sum(run.family.trains for run in experiment.runs())
    text = caption(shown, len(with_points), trained, tsne_settings(longest))
    return FigureResult("embedding", figure, gather(shown), text)


def build_of_checkpoint(run: Run, frames: int, folder: Path, played: str) -> FigureResult:
    """Draw the embedding of a checkpoint's states.

    Args:
        run: of the checkpoint.
        frames: emulator frames of training behind it.
        folder: of embedding.csv and its screens.
        played: how its states came about and were placed, in sentences.
    """
    shown = panel(run, frames, pd.read_csv(folder / "embedding.csv"), folder)
    with house_style():
        figure = draw([shown])
    words = f"{shown.title}, protocol {run.protocol.protocol}: {len(shown.points):,} states. {played}"
    what = "t-SNE of the last hidden layer of a network that is still trained."
    text = f"{what} {words} {_points_text([shown])} {_SCREENS_TEXT}"
    return FigureResult("embedding", figure, gather([shown]), text)


def panel(run: Run, frames: int, points: pd.DataFrame, folder: Path) -> Panel:
    """Return the states of a network with the screens in its folder."""
    found = load_screens(folder, len(points))
    if found is None:
        return Panel(run, frames, points, {})
    # The upper half stands above the points and the lower one below, each from left to right, so that the lines to
    # them hardly cross.
    sides = points.loc[list(found.marked)].sort_values("y", ascending=False, kind="stable")
    half = -(-len(sides) // 2)
    order = [*_rightwards(sides[:half]), *_rightwards(sides[half:])]
    return Panel(
        run, frames, points, {number: (point, found.marked[point]) for number, point in enumerate(order, start=1)}
    )


def _rightwards(points: pd.DataFrame) -> list[int]:
    return [int(point) for point in points.sort_values("x", kind="stable").index]


def gather(shown: Sequence[Panel]) -> pd.DataFrame:
    """Gather the points drawn: coordinates without unit, value in discounted clipped reward, frame within its episode.

    `screen` is the number beside its screen, blank where none is shown.
    """
    tables = []
    for panel in shown:
        run = panel.run
        numbers = {point: number for number, (point, _) in panel.screens.items()}
        named = panel.points.assign(
            variant=run.variant.variant,
            game=run.task.name,
            seed=run.seed,
            screen=[numbers.get(row, "") for row in panel.points.index],
        )
        tables.append(named[_COLUMNS])
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=_COLUMNS)


def draw(shown: Sequence[Panel]) -> Figure:
    """Draw one panel a run, each with a color scale of its own: values of different games do not compare."""
    with_screens = any(panel.screens for panel in shown)
    columns = 1 if with_screens else columns_that_fit(len(shown), 2, _LEAST_PANEL_INCHES)
    rows = max(1, -(-len(shown) // columns))
    width = sheet_width() if columns == 2 or with_screens else sheet_width(6.2)
    screens = max((_screen_rows(panel) for panel in shown), default=0)
    height = rows * (_PANEL_HEIGHT_INCHES + screens * (_SCREEN_INCHES + _GAP_INCHES) + _GAP_INCHES)
    figure = Figure(figsize=(width, height if shown else 1.6), layout="constrained")
    if not shown:
        figure.text(0.5, 0.5, "no finished run has an embedding yet", ha="center", va="center", color=REFERENCE_COLOR)
        return figure
    grid = figure.add_gridspec(rows, columns)
    for place, panel in enumerate(shown):
        _draw_panel(figure, grid[divmod(place, columns)], panel)
    return figure


def _screens_across() -> int:
    return max(1, int(sheet_width() / (_SCREEN_INCHES + 0.1)))


def _screen_rows(panel: Panel) -> int:
    """Return how many rows of screens stand above and below the points of a panel."""
    half = -(-len(panel.screens) // 2)
    return -(-half // _screens_across()) + -(-(len(panel.screens) - half) // _screens_across())


def _draw_panel(figure: Figure, place: SubplotSpec, panel: Panel) -> None:
    if not panel.screens:
        _draw_points(figure, figure.add_subplot(place), panel)
        return
    half, across = -(-len(panel.screens) // 2), _screens_across()
    above = -(-half // across)
    below = -(-(len(panel.screens) - half) // across)
    heights = [0.1, *[_SCREEN_INCHES] * above, _PANEL_HEIGHT_INCHES, *[_SCREEN_INCHES] * below]
    inner = place.subgridspec(len(heights), across, height_ratios=heights)
    axes = figure.add_subplot(inner[above + 1, :])
    _draw_points(figure, axes, panel)
    axes.set_title("")  # lines to the screens would cross it: it stands above them
    heading = figure.add_subplot(inner[0, :])
    heading.axis("off")
    heading.set_title(panel.title)
    for number, (point, screen) in panel.screens.items():
        lower = number > half
        row, column = divmod(number - 1 - half * lower, across)
        window = figure.add_subplot(inner[1 + row + (above + 1) * lower, column])
        show_screen(window, screen)
        value = float(panel.points["value"][point])
        window.set_title(f"{number}   value {value:.3g}", fontsize=7, loc="center", pad=2)
        at = float(panel.points["x"][point]), float(panel.points["y"][point])
        side = (0.5, 1.14) if lower else (0.5, 0.0)
        line = ConnectionPatch(
            at, side, "data", "axes fraction", axesA=axes, axesB=window, color="#7a7a7a", linewidth=0.6
        )
        line.set_in_layout(False)
        figure.add_artist(line)
        axes.plot(*at, "o", markersize=6.5, markerfacecolor="none", markeredgecolor="black", markeredgewidth=0.9)


def _draw_points(figure: Figure, axes: Axes, panel: Panel) -> None:
    points = panel.points
    drawn = axes.scatter(points["x"], points["y"], c=points["value"], cmap=COLOR_MAP, s=9, linewidths=0)
    axes.set_title(panel.title)
    axes.set_aspect("equal", adjustable="datalim")
    bare(axes)
    bar = figure.colorbar(drawn, ax=axes, pad=0.02)
    bar.set_label(f"predicted value: {panel.run.family.state_value[0]}")
    bar.outline.set_visible(False)


def _points_text(shown: Sequence[Panel]) -> str:
    """Say what the color of a point is."""
    values = dict.fromkeys(panel.run.family.state_value[1] for panel in shown)
    return _POINTS_TEXT.format(" or ".join(values) or "the largest action value")


def caption(shown: Sequence[Panel], with_points: int, trained: int, settings: str) -> str:
    """Write what the points are, and how they were placed.

    Args:
        shown: the panels drawn.
        with_points: finished runs that have an embedding.
        trained: runs of the experiment that train.
        settings: of t-SNE, a sentence.
    """
    if not shown:
        return (
            f"Embedding of the states a trained network meets. 0 of {trained} trained runs have one yet. It is "
            "computed from the states of a run's final evaluation."
        )
    names = "; ".join(
        f"{panel.title}: {len(panel.points):,} states, trained for {panel.trained_frames:,} frames, protocol "
        f"{panel.run.protocol.protocol}"
        for panel in shown
    )
    parts = [
        f"Two-dimensional t-SNE embedding of the last hidden layer for {len(shown)} trained "
        f"{'run' if len(shown) == 1 else 'runs'}.",
        f"{names}.",
        "Each point is a state met in the run's final evaluation, evenly spaced over its episodes.",
        _points_text(shown),
        _SCREENS_TEXT if any(panel.screens for panel in shown) else "",
        settings,
        "After Figure 4 of Mnih et al. 2015, which embeds two hours of play.",
    ]
    if len(shown) > 1:
        parts.append("Each panel has a color scale of its own.")
    left_out = f", the {len(shown)} longest are shown" if with_points > len(shown) else ""
    parts.append(f"{with_points} of {trained} trained runs of the experiment have an embedding{left_out}.")
    return " ".join(part for part in parts if part)
