"""The values a network predicts along a stretch of its own play, with the screens of marked moments.

Source: Mnih et al. 2015, Extended Data Figure 2.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from replication.analysis.finished import FinishedRun, FinishedRuns, coverage
from replication.foundation.errors import ReplicationError
from replication.report.figures.figure import (
    AGENT_COLORS,
    REFERENCE_COLOR,
    FigureResult,
    house_style,
    show_screen,
    trained_frames,
)
from replication.report.figures.sheet import sheet_width
from replication.report.views.screens import Picture, cut
from replication.specification.experiments import Experiment

MOST_RUNS = 3
_FRAMES_PER_SECOND = 60
_FIXED = ["episode", "frame", "score", "action", "marked"]
_COLUMNS = ["variant", "game", "seed", *_FIXED, "value"]


@dataclass(frozen=True)
class Stretch:
    """The most rewarding seconds of a run's final evaluation.

    Attributes:
        run: whose they are.
        steps: episode, frame, score, action, marked (blank or a number from 0), and `value ACTION` of every action.
        screens: of the marked steps, in order.
    """

    run: FinishedRun
    steps: pd.DataFrame
    screens: list[Picture]

    @property
    def actions(self) -> list[str]:
        """Names of the actions, in the emulator's order."""
        return [name.removeprefix("value ") for name in self.steps.columns if name.startswith("value ")]

    @property
    def values(self) -> pd.DataFrame:
        """Predicted values, a step a row, an action a column."""
        return self.steps[[f"value {name}" for name in self.actions]].set_axis(self.actions, axis="columns")


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw the stretches of the longest finished runs that have one.

    Raises:
        ReplicationError: a damaged file.
    """
    found = [stretch for stretch in map(read_stretch, finished) if stretch is not None]
    shown = sorted(found, key=lambda stretch: -trained_frames(stretch.run))[:MOST_RUNS]
    with house_style():
        figure = draw(shown)
    return FigureResult(
        "nature_extended_figure2", figure, gather(shown), caption(experiment, finished, shown, len(found))
    )


def read_stretch(found: FinishedRun) -> Stretch | None:
    """Read the stretch of a run; None where it has no file of one.

    Raises:
        ReplicationError: a file is missing or damaged.
    """
    path = found.folder / "value_stretch.csv"
    if not path.exists():
        return None
    try:
        steps = pd.read_csv(path)
        values = [name for name in steps.columns if name not in _FIXED]
        if list(steps.columns[: len(_FIXED)]) != _FIXED or not values or not len(steps):
            raise ValueError(f"expected columns {', '.join(_FIXED)} and values, found {', '.join(steps.columns[:6])}")
        if not np.isfinite(steps[["episode", "frame", "score", *values]].to_numpy(np.float64)).all():
            raise ValueError("expected finite numbers")
        marked = steps["marked"].dropna().astype(int)
        if marked.to_list() != list(range(len(marked))):
            raise ValueError("marked: expected 0, 1, 2, ... in order")
        screens = cut((found.folder / "value_stretch.webp").read_bytes(), len(marked), len(marked), halved=False)
    except (OSError, ValueError, ReplicationError) as error:
        reason = " ".join(str(error).split())
        raise ReplicationError(
            f"{path}: {reason}; remove it and run `python -m replication embed {found.folder}`"
        ) from None
    return Stretch(found, steps, screens)


def gather(shown: Sequence[Stretch]) -> pd.DataFrame:
    """Gather the numbers drawn, a step a row: predicted values in a column an action, `value` the largest of them."""
    tables = []
    for stretch in shown:
        run = stretch.run.run
        named = stretch.steps.assign(variant=run.variant.variant, game=run.task.name, seed=run.seed)
        named["value"] = stretch.values.max(axis=1)
        named["marked"] = [_letter(number) for number in named["marked"]]
        tables.append(named[[*_COLUMNS, *(f"value {name}" for name in stretch.actions)]])
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=_COLUMNS)


def _letter(number: float) -> str:
    return "" if np.isnan(number) else string.ascii_uppercase[int(number)]


def draw(shown: Sequence[Stretch]) -> Figure:
    """Draw a block a run: predicted value and points by time; below, the marked screens and their values by action."""
    if not shown:
        figure = Figure(figsize=(sheet_width(), 1.6), layout="constrained")
        words = "no finished run has predicted values along a stretch of play yet"
        figure.text(0.5, 0.5, words, ha="center", va="center", color=REFERENCE_COLOR)
        return figure
    figure = Figure(figsize=(sheet_width(), 6.6 * len(shown)), layout="constrained")
    blocks = figure.add_gridspec(len(shown), 1)
    for place, stretch in enumerate(shown):
        _draw_block(figure, blocks[place], stretch)
    return figure


def _draw_block(figure: Figure, block: SubplotSpec, stretch: Stretch) -> None:
    grid = block.subgridspec(3, max(1, len(stretch.screens)), height_ratios=[1.5, 1.1, 1.1])
    top, values = figure.add_subplot(grid[0, :]), stretch.values
    seconds = stretch.steps["frame"] / _FRAMES_PER_SECOND
    best, color = values.max(axis=1), AGENT_COLORS[0]
    top.plot(seconds, best, color=color, linewidth=1.6)
    run = stretch.run.run
    episode = int(stretch.steps["episode"].iloc[0])
    top.set_title(f"{run.task.title}, {run.variant.title}, seed {run.seed}, episode {episode}")
    top.set_xlabel("seconds into the episode")
    top.set_ylabel("max Q(s, a)", color=color)
    top.margins(x=0.01, y=0.15)
    points = top.twinx()
    points.spines["right"].set_visible(True)
    points.step(seconds, stretch.steps["score"], where="post", color=REFERENCE_COLOR, linewidth=1.0)
    points.set_ylabel("score", color=REFERENCE_COLOR)
    low, high = float(values.to_numpy().min()), float(values.to_numpy().max())
    reach = 0.05 * max(high - low, 1e-6)
    steps = stretch.steps.index[stretch.steps["marked"].notna()]
    for place, (step, screen) in enumerate(zip(steps, stretch.screens, strict=True)):
        letter = string.ascii_uppercase[place]
        top.axvline(seconds[step], color="#b0b0b0", linewidth=0.8, linestyle=":")
        top.plot(seconds[step], best[step], "o", color=color, markersize=5, markeredgecolor="white")
        top.annotate(
            letter, (seconds[step], best[step]), (0, 6), textcoords="offset points", ha="center", weight="bold"
        )
        window = figure.add_subplot(grid[1, place])
        show_screen(window, screen)
        window.set_title(f"{letter}   {seconds[step]:.1f} s, score {stretch.steps['score'][step]:,.0f}", fontsize=7.5)
        bars = figure.add_subplot(grid[2, place])
        _draw_actions(bars, values.loc[step], str(stretch.steps["action"][step]), (low - reach, high + reach))
        if place == 0:
            bars.set_ylabel("Q(s, a)")


def _draw_actions(axes: Axes, values: pd.Series, taken: str, limits: tuple[float, float]) -> None:
    """Draw the values of actions as dots, not as bars: the axis does not begin at zero."""
    places = np.arange(len(values))
    colors = [AGENT_COLORS[1] if name == taken else AGENT_COLORS[0] for name in values.index]
    axes.vlines(places, limits[0], values, color=colors, linewidth=1.2)
    axes.scatter(places, values, color=colors, s=16, zorder=3)
    axes.set_ylim(*limits)
    size = 6.5 if len(values) <= 9 else 5.0
    axes.set_xticks(places, [str(name).lower() for name in values.index], rotation=90, fontsize=size)
    axes.grid(axis="y")


def caption(
    experiment: Experiment, finished: Sequence[FinishedRun], shown: Sequence[Stretch], with_stretch: int
) -> str:
    """Write everything needed to read the figure, from what was run and drawn."""
    trained = sum(run.family.trains for run in experiment.runs())
    if not shown:
        return (
            f"Predicted values along a stretch of play. 0 of {trained} trained runs have one yet: it is computed from "
            "a run's evaluated network and its trace."
        )
    texts = []
    for stretch in shown:
        run, steps = stretch.run.run, stretch.steps
        texts.append(
            f"{run.task.title}, {run.variant.title}, seed {run.seed}: {len(steps)} steps of episode "
            f"{int(steps['episode'].iloc[0])} of its final evaluation, trained for {trained_frames(stretch.run):,} "
            f"frames, protocol {run.protocol.protocol}."
        )
    parts = [
        "Values that a trained network predicts along a stretch of its own play.",
        *texts,
        "The stretch is the eight seconds of the best episode in which it scored most. Blue: the largest action value, "
        "in clipped and discounted reward; gray: the score so far, in the game's own points.",
        "Marked: the highest and the lowest value, the moment before the most points are made, and the steepest fall; "
        "where two of these are one moment, another far from the rest takes its place. Below each screen, the value of "
        "every action; orange: the action taken, which may be a random one.",
        "After Extended Data Figure 2 of Mnih et al. 2015.",
        f"{coverage(experiment, finished)} finished; {with_stretch} of {trained} trained runs have such a stretch.",
    ]
    return " ".join(parts)
