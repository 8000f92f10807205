"""One panel of learning curves: a game's runs, the published curve behind them, levels of references at its side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from replication.report.figures.agent_looks import Look, line_look
from replication.report.figures.figure import PUBLISHED_COLOR, REFERENCE_COLOR, spread
from replication.specification.tasks.atari_games import find_game

EACH_SEED = "thin: each seed (bold: their mean)"
"""The label of a single seed's line, where there are several."""
PUBLISHED_BAND, PUBLISHED_MEAN = "published runs, least to greatest", "published runs, their mean"
_BAND_COLOR = "#d0d0d0"
_FAR = 4.0
"""A reference stretches the vertical axis to at most this many times what our runs span; beyond it, an arrow points."""
_LEVELS: dict[str, tuple[str, Literal[":", "--", "-"]]] = {
    "random": (REFERENCE_COLOR, ":"),
    "human": (REFERENCE_COLOR, "--"),
    "published": (PUBLISHED_COLOR, "-"),
}
_LABEL_POINTS = 7.0
_BEYOND = 1.06
"""The horizontal axis goes this much beyond the end; what is published beyond it is left out, not cut."""


@dataclass(frozen=True)
class Panel:
    """One game: how many of its runs are finished, and the rows of the table that are drawn there."""

    game: str
    done: int
    total: int
    rows: pd.DataFrame


@dataclass(frozen=True)
class Scale:
    """The horizontal axis: up to how many emulator frames of training there is something to see; NaN: nothing is."""

    end_frames: float

    @property
    def unit(self) -> float:
        """Frames of the axis's unit."""
        return 1e6 if self.end_frames >= 1e6 else 1e3

    @property
    def unit_name(self) -> str:
        """The unit in words."""
        return "millions" if self.end_frames >= 1e6 else "thousands"


def draw_panel(
    axes: Axes,
    panel: Panel,
    looks: Mapping[str, Look],
    published: Mapping[str, str],
    scale: Scale,
    inches: tuple[float, float],
) -> None:
    """Draw a panel; whatever the legend explains carries its label.

    Args:
        axes: empty.
        panel: what to draw.
        looks: of our agents.
        published: series of published curves and their colors.
        scale: the horizontal axis.
        inches: width and height that the axes will have.
    """
    missing = "" if panel.done == panel.total else f" ({panel.done} of {panel.total} runs)"
    axes.set_title(find_game(panel.game).title + missing, pad=4)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    rows = panel.rows
    if not np.isnan(scale.end_frames):
        curves = rows["series"].str.startswith("published curve")
        rows = rows[~curves | (rows["frames"] <= _BEYOND * scale.end_frames)]
        _draw_published(axes, rows, published, scale.unit)
    for agent, look in looks.items():
        _draw_agent(axes, agent, rows[rows["agent"] == agent], look, scale.unit)
    _set_scale(axes, rows, scale)
    _label_levels(axes, rows, inches)


def _draw_published(axes: Axes, rows: pd.DataFrame, published: Mapping[str, str], unit: float) -> None:
    """Draw a band from the least to the greatest run and a line through the means; a single one is gray and black."""
    for series, color in published.items():
        curve = rows[rows["series"] == series]
        if curve.empty:
            continue
        alone = len(published) == 1
        if curve["low"].notna().any():
            band: dict[str, Any] = {"color": _BAND_COLOR} if alone else {"color": color, "alpha": 0.2}
            of_band = band | {"linewidth": 0, "label": PUBLISHED_BAND}
            axes.fill_between(curve["frames"] / unit, curve["low"], curve["high"], **of_band)
        style = ".-" if alone else ".--"
        look: dict[str, Any] = {"color": color, "linewidth": 1.0, "markersize": 3, "label": PUBLISHED_MEAN}
        axes.plot(curve["frames"] / unit, curve["value"], style, **look)


def _draw_agent(axes: Axes, agent: str, ours: pd.DataFrame, look: Look, unit: float) -> None:
    for _, band in ours[ours["series"] == "agent"].iterrows():
        label = f"{agent}: mean and 95 % interval"
        axes.axhspan(band["low"], band["high"], color=look.color, alpha=0.25, linewidth=0, label=label)
        axes.axhline(band["value"], linewidth=1.0, **line_look(look))
    for series in ("training", "iteration", "last episodes"):
        _draw_lines(axes, agent, ours, series, look, unit)
    at = ours[ours["series"] == "judged"]
    if len(at):
        ring: dict[str, Any] = {"color": "black", "markerfacecolor": "none", "markersize": 10}
        axes.plot(at["frames"] / unit, at["value"], "o", label="where runs are judged", **ring)
    points = ours[ours["series"] == "evaluation"]
    if len(points):
        look_of_points: dict[str, Any] = {"color": look.color, "markerfacecolor": "white", "markersize": 5}
        axes.plot(points["frames"] / unit, points["value"], "o", label="periodic evaluation", **look_of_points)
    final = ours[ours["series"] == "final"]
    if len(final):
        error = np.stack([final["value"] - final["low"], final["high"] - final["value"]])
        axes.errorbar(
            final["frames"] / unit,
            final["value"],
            yerr=np.nan_to_num(error),
            fmt="D",
            color=look.color,
            markeredgecolor="white",
            markersize=7.5,
            elinewidth=1.4,
            capsize=3,
            clip_on=False,
            zorder=5,
            label="final evaluation, 95 % interval",
        )


def _draw_lines(axes: Axes, agent: str, ours: pd.DataFrame, series: str, look: Look, unit: float) -> None:
    """Draw a line a seed, and a bold one through their mean; a single seed's is the agent's own."""
    marker = look.marker if series == "iteration" else ""
    lines, mean = ours[ours["series"] == series], ours[ours["series"] == f"{series} mean"]
    alone = mean.empty
    for _, line in lines.groupby("seed"):
        width, alpha, label = (1.6, 1.0, agent) if alone else (0.8, 0.55, EACH_SEED)
        style = line_look(look) | {"marker": marker, "markersize": 3.5, "linewidth": width, "alpha": alpha}
        axes.plot(line["frames"] / unit, line["value"], label=label, **style)
    if not alone:
        style = line_look(look) | {"marker": marker, "markersize": 5, "linewidth": 2.4}
        axes.plot(mean["frames"] / unit, mean["value"], label=agent, **style)


def _set_scale(axes: Axes, rows: pd.DataFrame, scale: Scale) -> None:
    """Set limits and ticks: our runs and the published curve always fit, and levels that are not too far off."""
    axes.tick_params(length=2.5, pad=2)
    if np.isnan(scale.end_frames):
        axes.set_xlim(0, 1)
        axes.set_xticks([])
    else:
        axes.set_xlim(0, _BEYOND * scale.end_frames / scale.unit)
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    levels = rows[rows["series"].isin(list(_LEVELS))]["value"].to_list()
    of_curves = rows["series"].str.startswith("published curve")
    seen = rows[(rows["agent"] != "") | (not np.isnan(scale.end_frames)) & of_curves]
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
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(_plain))
    if not len(seen):
        axes.text(
            0.5, 0.5, "no finished run", transform=axes.transAxes, ha="center", va="center", color="#737373", fontsize=7
        )


def _label_levels(axes: Axes, rows: pd.DataFrame, inches: tuple[float, float]) -> None:
    """Draw horizontal lines for the references and the published score, each with its name and number beside it."""
    low, high = axes.get_ylim()
    names, places = [], []
    # By value, so that the labels of levels outside the panel, which want one place, keep that order.
    levels = rows[rows["series"].isin(list(_LEVELS))].sort_values("value", kind="stable")
    for name, value in zip(levels["series"], levels["value"], strict=True):
        color, style = _LEVELS[name]
        axes.axhline(value, color=color, linestyle=style, linewidth=1.0, zorder=1.5)
        arrow = "↑ " if value > high else "↓ " if value < low else ""
        names.append(f"{arrow}{name} {_plain(value)}")
        places.append((min(max(value, low), high) - low) / (high - low))
    width, height = inches
    gap = 1.3 * _LABEL_POINTS / (72 * height)
    for text, place, shown_at in zip(names, places, spread(places, gap), strict=True):
        if text.startswith(tuple(_LEVELS)):
            x = (1.0, 1.0 + 0.09 / width)
            axes.plot(x, (place, shown_at), transform=axes.transAxes, color="#8c8c8c", linewidth=0.6, clip_on=False)
        x_text = 1.0 + 0.11 / width
        axes.text(x_text, shown_at, text, transform=axes.transAxes, va="center", fontsize=_LABEL_POINTS)


def _plain(value: float, position: int | None = None) -> str:
    """Format a number as people write it: thousands separated, a decimal only where it matters."""
    return f"{value:,.{0 if abs(value) >= 1000 else 1}f}".removesuffix(".0").replace("-", "−")
