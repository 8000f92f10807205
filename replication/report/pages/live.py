"""The page of runs in training: a panel a run, which a browser loads again every few seconds; no script, one file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from replication.analysis.published_bands import PublishedBand
from replication.evidence.live_files import LiveRun
from replication.foundation.durations import clock_text
from replication.report.pages.template import fill_page

WIDTH, HEIGHT = 560, 260
"""Of a drawing, in its own units."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 10, 34
"""Margins, in which the labels of the axes stand."""
_MOST_POINTS = 160
"""Of a line; the means of as many spans of training are drawn where there are more episodes."""
_MOST_DOTS = 400


@dataclass(frozen=True)
class ShownRun:
    """A run on the page.

    Attributes:
        live: what it shows of itself.
        status: `training`, `finished`, `stopped` or `failed`.
        band: the published curve of the same agent on the same task; None where none is known.
    """

    live: LiveRun
    status: str
    band: PublishedBand | None


@dataclass(frozen=True)
class _Scale:
    """From a value of training to a place in the drawing."""

    left: float
    right: float
    low: float
    high: float

    def x(self, at: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * (at - self.left) / (self.right - self.left)

    def y(self, value: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (value - self.low) / (self.high - self.low)

    def line(self, points: Sequence[tuple[float, float]]) -> str:
        return " ".join(f"{self.x(at):.1f},{self.y(value):.1f}" for at, value in points)


def live_page(shown: Sequence[ShownRun], title: str, note: str, now: float, every_seconds: float) -> str:
    """Return the page.

    Args:
        shown: the runs, in their order on the page.
        title: what is watched.
        note: a sentence about runs that are not shown; may be empty.
        now: seconds of the epoch.
        every_seconds: after which a browser loads it again.
    """
    return fill_page(
        "live.html",
        title=title,
        note=note,
        every=max(1, round(every_seconds)),
        panels=[_panel(one, now) for one in shown],
        width=WIDTH,
        height=HEIGHT,
        left=_LEFT,
        right=WIDTH - _RIGHT,
        top=_TOP,
        bottom=HEIGHT - _BOTTOM,
    )


def line_of(shown: ShownRun, now: float) -> str:
    """Describe a run in a line: how far it is, how fast, what is left, its latest returns."""
    progress = shown.live.progress
    parts = [
        f"{progress.name}: {shown.status}",
        f"{progress.progress:,} of {progress.progress_end:,} {progress.unit}",
        *_speed(shown, now),
    ]
    if progress.recent_return is not None:
        parts.append(f"return {progress.recent_return:,.1f}")
    return ", ".join(parts)


def _speed(shown: ShownRun, now: float) -> list[str]:
    progress = shown.live.progress
    if shown.status != "training":
        return []
    parts = []
    if progress.progress_a_second is not None:
        parts.append(f"{progress.progress_a_second:,.0f} {progress.unit} a second")
    if progress.seconds_left is not None:
        left = progress.seconds_left - max(0.0, now - progress.written)
        parts.append(f"{clock_text(max(0.0, left))} left")
    return parts


def _panel(shown: ShownRun, now: float) -> dict[str, object]:
    live = shown.live
    each = live.progress.progress_a_step
    episodes = [(step * each, value) for step, value in live.episodes]
    points = [(step * each, value) for step, value in live.points]
    scale = _scale(shown, episodes, points)
    band = _visible(shown.band, scale.right)
    edge = [(at, high) for at, _, _, high in band] + [(at, low) for at, _, low, _ in reversed(band)]
    return {
        "name": live.progress.name,
        "status": shown.status,
        "line": line_of(shown, now).partition(": ")[2],
        "share": round(100 * live.progress.progress / max(1, live.progress.progress_end)),
        "unit": live.progress.unit,
        "ticks_x": [(scale.x(at), _number(at)) for at in _ticks(scale.left, scale.right)],
        "ticks_y": [(scale.y(value), _number(value)) for value in _ticks(scale.low, scale.high)],
        "dots": [(scale.x(at), scale.y(value)) for at, value in episodes] if len(episodes) <= _MOST_DOTS else [],
        "mean": scale.line(_means(episodes)),
        "points": [(scale.x(at), scale.y(value)) for at, value in points],
        "points_line": scale.line(points),
        "band": scale.line(edge) if len(band) > 1 else "",
        "published": scale.line([(at, mean) for at, mean, _, _ in band]) if len(band) > 1 else "",
        "published_title": shown.band.title if shown.band and len(band) > 1 else "",
        "is_empty": not episodes and not points,
    }


def _scale(shown: ShownRun, episodes: Sequence[tuple[float, float]], points: Sequence[tuple[float, float]]) -> _Scale:
    """Return axes that hold all that is drawn: as far as training is planned."""
    right = float(max(1, shown.live.progress.progress_end))
    band = _visible(shown.band, right)
    ours = [*points, *(_means(episodes) if len(episodes) > _MOST_DOTS else episodes)]
    values = [value for _, value in ours]
    values += [value for _, _, low, high in band for value in (low, high)]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    pad = 0.05 * (high - low) or max(0.5, 0.05 * abs(high))
    return _Scale(0.0, right, low - pad, high + pad)


def _visible(band: PublishedBand | None, right: float) -> list[tuple[float, float, float, float]]:
    """Return the points of a published curve, mean, low and high, up to the end of training and one beyond."""
    if band is None:
        return []
    rows = [row for row in zip(band.at, band.mean, band.low, band.high, strict=True) if not math.isnan(row[1])]
    within = [row for row in rows if row[0] <= right]
    after = rows[len(within)] if len(within) < len(rows) else None
    if after is not None and within and within[-1][0] < right:
        before = within[-1]
        share = (right - before[0]) / (after[0] - before[0])
        mean, low, high = (one + share * (two - one) for one, two in zip(before[1:], after[1:], strict=True))
        within.append((right, mean, low, high))
    return within


def _means(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the mean of each of equal spans of the training so far that has an episode, at the middle of the span."""
    if len(points) < 2:
        return []
    spans: dict[int, list[float]] = {}
    count = min(_MOST_POINTS, max(1, len(points) // 4))
    width = max(1.0, points[-1][0]) / count
    for at, value in points:
        spans.setdefault(min(int(at / width), count - 1), []).append(value)
    return [((place + 0.5) * width, sum(of) / len(of)) for place, of in sorted(spans.items())]


def _ticks(low: float, high: float) -> list[float]:
    """Return three to seven round numbers between two."""
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step) + 1)]


def _number(value: float) -> str:
    """Write a number of an axis: millions and thousands short."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if abs(value) >= 10 * size or (abs(value) >= size and unit == "M"):
            return f"{value / size:,.6g}{unit}".replace("-", "−")
    return f"{value:,.6g}".replace("-", "−")
