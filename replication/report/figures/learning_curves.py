"""Return against emulator frames, one panel a game: our runs beside the published curve, score and references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from replication.analysis.finished import FinishedRuns
from replication.analysis.learning_curves import (
    agent_title,
    learning_curves,
    published_curve_series,
    smoothing_window_frames,
    trained_frames,
)
from replication.report.figures.figure import (
    AGENT_COLOURS,
    PUBLISHED_COLOUR,
    REFERENCE_COLOUR,
    WIDTH_INCHES,
    FigureResult,
    house_style,
    spread,
)
from replication.report.figures.learning_curves_caption import caption
from replication.specification.experiments import Experiment
from replication.specification.run import Run
from replication.specification.tasks.atari_games import find_game

NEEDS = {
    "scores": "normalised",
    "published": {
        "dopamine_curves": {
            "algorithm": ["DQN", "C51", "Rainbow", "IQN", "DQN_Adam_MSE_JAX", "Quantile_JAX"],
            "agents": ["DQN", "C51", "Rainbow", "IQN", "DQN_Adam_MSE_JAX", "Quantile_JAX"],
        },
        "nature_2015_table2": {"algorithm": ["dqn", "random"]},
    },
}
_BAND_COLOUR = "#d0d0d0"
_TWO_POINTS_FRAMES = 2e6
"""A published curve is shown at least this far, so that there is a curve to see."""
_FAR = 4.0
"""A reference stretches the vertical axis to at most this many times what our runs span; beyond it, an arrow points."""
_LEVELS: dict[str, tuple[str, Literal[":", "--", "-"]]] = {
    "random": (REFERENCE_COLOUR, ":"),
    "human": (REFERENCE_COLOUR, "--"),
    "published": (PUBLISHED_COLOUR, "-"),
}


@dataclass(frozen=True)
class Panel:
    """One game: how many of its runs are finished, and the rows of the table that are drawn there."""

    game: str
    done: int
    total: int
    rows: pd.DataFrame


@dataclass(frozen=True)
class Layout:
    """Sizes of a grid of panels, in inches and points."""

    columns: int
    panel_height: float
    label_width: float
    words: bool
    """References are labelled in words with their numbers; otherwise by one letter, which the legend explains."""
    label_points: float


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw the learning curves of the runs that are finished."""
    runs = experiment.runs()
    window_frames = smoothing_window_frames(max((trained_frames(found) for found in finished), default=0))
    data = learning_curves(experiment, finished, window_frames)
    panels = [
        Panel(
            game,
            sum(found.run.task.name == game for found in finished),
            sum(run.task.name == game for run in runs),
            data[data["game"] == game],
        )
        for game in dict.fromkeys(run.task.name for run in runs)
    ]
    agents = list(dict.fromkeys(agent_title(run, runs) for run in runs))
    with house_style():
        colours = dict(zip(agents, AGENT_COLOURS * len(agents), strict=False))
        figure = draw(panels, colours, _published_colours(experiment, runs, colours))
    return FigureResult("learning_curves", figure, data, caption(experiment, finished, data, window_frames))


def _published_colours(experiment: Experiment, runs: Sequence[Run], colours: Mapping[str, str]) -> dict[str, str]:
    """Return the colour of each series of published curves: that of our agent; black where there is one curve."""
    series = published_curve_series(experiment)
    if len(series) < 2 or experiment.published is None:
        return dict.fromkeys(series.values(), PUBLISHED_COLOUR)
    ours = {run.variant.variant: colours[agent_title(run, runs)] for run in runs}
    return {series[agent]: ours[variant] for variant, agent in experiment.published.agents.items()}


def layout(panels: int) -> Layout:
    """Return a grid that stays readable: few panels are large and labelled in words."""
    if panels <= 3:
        return Layout(panels, {1: 4.2, 2: 3.2, 3: 2.6}[panels], 1.25, True, 7.5)
    if panels <= 6:
        return Layout(2 if panels == 4 else 3, 2.5, 1.2, True, 7.0)
    if panels <= 12:
        return Layout(4 if panels > 9 else 3, 2.0, 0.98, True, 6.0)
    return Layout(6, 1.15, 0.24, False, 5.5)


def draw(panels: Sequence[Panel], colours: Mapping[str, str], published: Mapping[str, str]) -> Figure:
    """Draw the table; the horizontal axis is shared, vertical ones are not.

    Args:
        panels: one a game, at least one.
        colours: agents and their colours, in the order of the legend.
        published: series of published curves and their colours.
    """
    plan = layout(len(panels))
    handles = _legend(panels, colours, published, plan)
    legend_columns = 3
    rows = -(-len(panels) // plan.columns)
    top, bottom, left = 0.18 * -(-len(handles) // legend_columns) + 0.42, 0.62, 0.85
    gap_below, axis_width = (0.62, 0.55) if plan.words else (0.48, 0.42)
    height = top + rows * plan.panel_height + (rows - 1) * gap_below + bottom
    panel_width = (WIDTH_INCHES - left - (plan.columns - 1) * axis_width) / plan.columns - plan.label_width
    figure = Figure(figsize=(WIDTH_INCHES, height))
    figure.legend(handles=handles, loc="upper left", ncols=legend_columns, bbox_to_anchor=(0.01, 1.0))
    drawn = pd.concat([panel.rows for panel in panels])
    end_frames = float(drawn.loc[drawn["agent"] != "", "frames"].max())
    if drawn["series"].isin(list(published)).any():
        end_frames = max(end_frames, _TWO_POINTS_FRAMES)  # what is not a number stays so
    unit, unit_name = (1e6, "millions") if end_frames >= 1e6 else (1e3, "thousands")
    for place, panel in enumerate(panels):
        row, column = divmod(place, plan.columns)
        x = left + column * (panel_width + plan.label_width + axis_width)
        y = height - top - row * (plan.panel_height + gap_below) - plan.panel_height
        axes = figure.add_axes((x / WIDTH_INCHES, y / height, panel_width / WIDTH_INCHES, plan.panel_height / height))
        missing = "" if panel.done == panel.total else f" ({panel.done} of {panel.total}{' runs' * plan.words})"
        size = 9.0 if plan.words else 6.5
        axes.set_title(find_game(panel.game).title + missing, fontsize=size, pad=4)
        if not np.isnan(end_frames):
            _draw_published(axes, panel, published, plan, unit)
        _draw_panel(axes, panel, colours, plan, unit, end_frames)
    if not np.isnan(end_frames):
        figure.text(0.5, 0.14 / height, f"emulator frames of training ({unit_name})", ha="center", fontsize=9)
    figure.text(0.012, 0.5, "return of an episode (the game's own points)", va="center", rotation=90, fontsize=9)
    return figure


def _draw_published(axes: Axes, panel: Panel, published: Mapping[str, str], plan: Layout, unit: float) -> None:
    """Draw a band from the least to the greatest run and a line through the means; a single one is grey and black."""
    for series, colour in published.items():
        curve = panel.rows[panel.rows["series"] == series]
        if curve.empty:
            continue
        alone = len(published) == 1
        band = {"color": _BAND_COLOUR} if alone else {"color": colour, "alpha": 0.2}
        axes.fill_between(curve["frames"] / unit, curve["low"], curve["high"], linewidth=0, **band)
        style, thin = ".-" if alone else ".--", 1.0 if plan.words else 0.7
        axes.plot(curve["frames"] / unit, curve["value"], style, color=colour, linewidth=thin, markersize=3)


def _draw_panel(
    axes: Axes, panel: Panel, colours: Mapping[str, str], plan: Layout, unit: float, end_frames: float
) -> None:
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    thin = 1.0 if plan.words else 0.7
    rows = panel.rows
    for agent, colour in colours.items():
        ours = rows[rows["agent"] == agent]
        for _, band in ours[ours["series"] == "agent"].iterrows():
            axes.axhspan(band["low"], band["high"], color=colour, alpha=0.25, linewidth=0)
            axes.axhline(band["value"], color=colour, linewidth=thin)
        for series in ("training", "iteration", "last episodes"):
            lines = ours[ours["series"] == series]
            alone = lines["seed"].nunique() == 1
            for _, line in lines.groupby("seed"):
                marker = "o" if series == "iteration" else ""
                width, alpha = (1.6 * thin, 1.0) if alone else (0.8 * thin, 0.55)
                x = line["frames"] / unit
                axes.plot(x, line["value"], color=colour, linewidth=width, alpha=alpha, marker=marker, markersize=3)
            mean = ours[ours["series"] == f"{series} mean"]
            axes.plot(mean["frames"] / unit, mean["value"], color=colour, linewidth=2.4 * thin)
        size = 5.0 if plan.words else 3.0
        at = ours[ours["series"] == "judged"]
        axes.plot(at["frames"] / unit, at["value"], "o", color="black", markerfacecolor="none", markersize=2 * size)
        points = ours[ours["series"] == "evaluation"]
        axes.plot(points["frames"] / unit, points["value"], "o", color=colour, markerfacecolor="white", markersize=size)
        final = ours[ours["series"] == "final"]
        error = np.stack([final["value"] - final["low"], final["high"] - final["value"]])
        axes.errorbar(
            final["frames"] / unit,
            final["value"],
            yerr=np.nan_to_num(error),
            fmt="D",
            color=colour,
            markeredgecolor="white",
            markersize=1.5 * size,
            elinewidth=1.4 * thin,
            capsize=size / 1.6,
            clip_on=False,
            zorder=5,
        )
    _scale(axes, rows, plan, unit, end_frames)
    _label_levels(axes, rows, plan)


def _scale(axes: Axes, rows: pd.DataFrame, plan: Layout, unit: float, end_frames: float) -> None:
    """Set limits and ticks: our runs and the published curve always fit, and levels that are not too far off."""
    axes.tick_params(labelsize=8.0 if plan.words else 5.5, length=2.5, pad=2)
    if np.isnan(end_frames):
        axes.set_xlim(0, 1)
        axes.set_xticks([])
    else:
        axes.set_xlim(0, 1.06 * end_frames / unit)
        axes.xaxis.set_major_locator(MaxNLocator(3 if plan.columns > 3 else 5))
    levels = rows[rows["series"].isin(list(_LEVELS))]["value"].to_list()
    of_curves = rows["series"].str.startswith("published curve")
    seen = rows[(rows["agent"] != "") | (rows["frames"] <= 1.1 * end_frames) & of_curves]
    numbers = seen[["value", "low", "high"]].to_numpy().ravel()
    numbers = numbers[~np.isnan(numbers)]
    within = numbers.tolist() if len(numbers) else levels
    low, high = min(within, default=0.0), max(within, default=1.0)
    reach = (_FAR - 1) * max(high - low, 0.05 * abs(high), 1e-9)
    if set(seen["series"]) == {"agent"}:  # Nothing is learned here: the references are all there is to see.
        reach = np.inf
    near = [level for level in levels if low - reach <= level <= high + reach]
    low, high = min([low, *near]), max([high, *near])
    pad = 0.06 * max(high - low, 0.05 * abs(high), 1e-9)
    axes.set_ylim(low - pad, high + pad)
    axes.yaxis.set_major_locator(MaxNLocator(5 if plan.words else 3))
    axes.yaxis.set_major_formatter(FuncFormatter(_short if not plan.words else _plain))
    if not len(seen):
        axes.text(
            0.5, 0.5, "no finished run", transform=axes.transAxes, ha="center", va="center", color="#737373", fontsize=7
        )


def _label_levels(axes: Axes, rows: pd.DataFrame, plan: Layout) -> None:
    """Draw horizontal lines for the references and the published score, each with its name beside it."""
    low, high = axes.get_ylim()
    names, places = [], []
    # By value, so that the labels of levels outside the panel, which want one place, keep that order.
    levels = rows[rows["series"].isin(list(_LEVELS))].sort_values("value", kind="stable")
    for name, value in zip(levels["series"], levels["value"], strict=True):
        colour, style = _LEVELS[name]
        axes.axhline(value, color=colour, linestyle=style, linewidth=1.0 if plan.words else 0.6, zorder=1.5)
        arrow = "↑ " if value > high else "↓ " if value < low else ""
        names.append(arrow + (f"{name} {_plain(value)}" if plan.words else name[0].upper()))
        places.append((min(max(value, low), high) - low) / (high - low))
    gap = 1.3 * plan.label_points / (72 * plan.panel_height)
    for text, place, shown_at in zip(names, places, spread(places, gap), strict=True):
        if plan.words and text.startswith(tuple(_LEVELS)):
            x = (1.0, 1.0 + 0.09 / _width_inches(axes))
            axes.plot(x, (place, shown_at), transform=axes.transAxes, color="#8c8c8c", linewidth=0.6, clip_on=False)
        x_text = 1.0 + (0.11 if plan.words else 0.03) / _width_inches(axes)
        axes.text(x_text, shown_at, text, transform=axes.transAxes, va="center", fontsize=plan.label_points)


def _width_inches(axes: Axes) -> float:
    return float(axes.get_position().width) * WIDTH_INCHES


def _legend(
    panels: Sequence[Panel], colours: Mapping[str, str], published: Mapping[str, str], plan: Layout
) -> list[Artist]:
    """Return the legend of what is in at least one panel: agents by colour, then kinds of lines and markers."""
    data = pd.concat([panel.rows for panel in panels])
    handles: list[Artist] = []
    for agent, colour in colours.items():
        kinds = set(data.loc[data["agent"] == agent, "series"])
        if kinds == {"agent"}:
            handles.append(Patch(facecolor=colour, alpha=0.5, label=f"{agent}: mean and 95 % interval"))
        elif kinds:
            handles.append(Line2D([], [], color=colour, linewidth=2.0, label=agent))
    series = set(data["series"])
    grey = "#404040"
    if {"training mean", "iteration mean", "last episodes mean"} & series:
        handles.append(Line2D([], [], color=grey, linewidth=2.4, label="mean of the seeds (thin: each seed)"))
    markers = {
        "evaluation": ("o", "white", "periodic evaluation"),
        "final": ("D", grey, "final evaluation, 95 % interval"),
    }
    for name, (marker, face, label) in markers.items():
        if name in series:
            shape = Line2D([], [], color=grey, marker=marker, markerfacecolor=face, linestyle="", label=label)
            handles.append(shape)
    if "judged" in series:
        ring = Line2D([], [], color="black", marker="o", markerfacecolor="none", markersize=8, linestyle="")
        ring.set_label("where runs are judged")
        handles.append(ring)
    if series & published.keys():
        shade = _BAND_COLOUR if len(published) == 1 else "#e0e0e0"
        handles.append(Patch(facecolor=shade, label="published runs: least to greatest (line: mean)"))
    for name, (colour, style) in _LEVELS.items():
        if name in series and not plan.words:
            label = f"{name[0].upper()}: {'published score' if name == 'published' else name}"
            handles.append(Line2D([], [], color=colour, linestyle=style, linewidth=1.0, label=label))
    return handles


def _plain(value: float, position: int | None = None) -> str:
    """Format a number as people write it: thousands separated, a decimal only where it matters."""
    return f"{value:,.{0 if abs(value) >= 1000 else 1}f}".removesuffix(".0").replace("-", "−")


def _short(value: float, position: int | None = None) -> str:
    """Format a number as `_plain` does, ten thousand and more with a k for thousands."""
    return f"{_plain(value / 1000)}k" if abs(value) >= 10_000 else _plain(value)
