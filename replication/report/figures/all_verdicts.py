"""The figure of the front page: every judged row of every experiment as a point, by family and verdict."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from replication.report.figures.figure import MARGIN_COLOR, REFERENCE_COLOR, VERDICT_COLORS, house_style
from replication.report.pages.known import JudgedRow

NAME = "all_verdicts"
_NAME_CHARACTERS = 12
"""Of a line of a family's name, which has the left margin alone."""
CAPTION = (
    "Every judged row of every experiment, by family of algorithms and verdict. Across: ours less the published score "
    "in units of the margin it was judged by (of exact values: of the distance to the nearest rival), so that 0 is "
    "the published number and the shaded band the margin; arrows lie farther off than 3 margins. On the right: rows "
    "that have no such distance, since shares or statements were judged, or the published agent had learned nothing."
)
_REACH = 3.0
_BIN = 0.13
"""Margins that a point is wide: points of one bin stand above one another."""
_POINT_INCHES = 0.085
_STRIP_COLUMNS = 6


def draw(rows: Sequence[JudgedRow]) -> Figure:
    """Draw a band a family, the points of a bin stacked in the order of the verdicts."""
    bands: dict[str, list[JudgedRow]] = {}
    for row in sorted(rows, key=lambda row: row.family):
        bands.setdefault(row.family, []).append(row)
    stacks = {family: _stacks(band) for family, band in bands.items()}
    heights = [_height(found) for found in stacks.values()] or [6]
    with house_style():
        figure = Figure(figsize=(7.5, 1.3 + _POINT_INCHES * sum(heights)))
        # Not by a layout engine: points are stacked in inches.
        bottom, top = 0.95 / figure.get_figheight(), 1 - 0.1 / figure.get_figheight()
        axes = figure.add_axes((0.14, bottom, 0.64, top - bottom))
        strip = figure.add_axes((0.82, bottom, 0.16, top - bottom))
        _ground(axes, strip, sum(heights))
        base, ticks = float(sum(heights)), []
        for family, height in zip(bands, heights, strict=False):
            base -= height
            ticks.append(base + height / 2)
            _draw_family(axes, strip, stacks[family], base)
            for panel in (axes, strip):
                panel.axhline(base, color="#d9d9d9", linewidth=0.6, zorder=0.5)
        axes.set_yticks(ticks, [fill(family, _NAME_CHARACTERS) for family in bands])
        counted = Counter(row.word for row in rows)
        handles = [
            Line2D([], [], color=color, marker="o", linestyle="", markersize=5, label=f"{word} ({counted[word]})")
            for word, color in VERDICT_COLORS.items()
            if counted[word]
        ]
        if handles:
            figure.legend(handles=handles, loc="lower center", ncols=len(handles), columnspacing=1.2, handletextpad=0.2)
    return figure


def _stacks(rows: Sequence[JudgedRow]) -> dict[float | None, list[str]]:
    """Group the verdicts of a family by where they stand; under None those that have no place."""
    order = list(VERDICT_COLORS)
    found: defaultdict[float | None, list[str]] = defaultdict(list)
    for row in rows:
        value = row.in_margins
        place = None if value is None else max(-_REACH, min(_REACH, _BIN * round(value / _BIN)))
        found[place].append(row.word)
    return {place: sorted(words, key=order.index) for place, words in found.items()}


def _height(stacks: Mapping[float | None, Sequence[str]]) -> int:
    """Return the height of a family in points; on the right several stand side by side."""
    levels = [len(words) if place is not None else -(-len(words) // _STRIP_COLUMNS) for place, words in stacks.items()]
    return max(6, *levels) + 2


def _ground(axes: Axes, strip: Axes, height: float) -> None:
    axes.axvspan(-1, 1, color=MARGIN_COLOR, zorder=0)
    axes.axvline(0, color="black", linewidth=0.8, zorder=1)
    axes.set_xlim(-_REACH - 0.15, _REACH + 0.15)
    axes.set_xticks([-3, -2, -1, 0, 1, 2, 3])
    axes.set_xlabel("ours less published, in margins")
    strip.set_xlim(-0.7, _STRIP_COLUMNS - 0.3)
    strip.set_xticks([])
    strip.set_xlabel("no distance", labelpad=17, color=REFERENCE_COLOR)
    for panel in (axes, strip):
        panel.set_ylim(0, height)
        panel.tick_params(axis="y", length=0)
    strip.set_yticks([])


def _draw_family(axes: Axes, strip: Axes, stacks: Mapping[float | None, Sequence[str]], base: float) -> None:
    for place, words in stacks.items():
        for level, word in enumerate(words):
            color = VERDICT_COLORS[word]
            if place is None:
                row, column = divmod(level, _STRIP_COLUMNS)
                strip.plot([column], [base + 1 + row], "o", color=color, markersize=4.5)
            else:
                marker = "o" if abs(place) < _REACH else "<" if place < 0 else ">"
                axes.plot([place], [base + 1 + level], marker, color=color, markersize=4.5, zorder=3)
