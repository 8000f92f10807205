"""Legends made from what is drawn: an entry for each label that an artist of some panel carries, with its own look."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D

from replication.report.figures.sheet import sheet_width

_HANDLE_INCHES, _INCHES_A_CHARACTER = 0.6, 0.072
LEGEND_ROW_INCHES = 0.19
_MOST_COLUMNS = 3


def drawn_entries(panels: Iterable[Axes], first: Sequence[str] = ()) -> dict[str, list[Any]]:
    """Gather the labeled artists of the panels by label, one of each color; labels named in `first` lead."""
    found: dict[str, dict[str, Any]] = {}
    for axes in panels:
        for artist, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, {}).setdefault(color_of(artist), artist)
    order = [*(label for label in first if label in found), *(label for label in found if label not in set(first))]
    return {label: list(found[label].values()) for label in order}


def color_of(artist: Any) -> str:
    """Return the color of a line, an area or a point with its error bar, as six hexadecimal digits."""
    if isinstance(artist, ErrorbarContainer):
        return color_of(artist.lines[0])
    if isinstance(artist, Line2D):
        return to_hex(artist.get_color())
    color = artist.get_facecolor()
    return to_hex(color[0] if isinstance(artist, Collection) else color)


def legend_columns(labels: Iterable[str]) -> int:
    """Return how many columns of entries fit side by side on the sheet; 1 at least, 3 at most."""
    longest = max(map(len, labels), default=1)
    return max(1, min(_MOST_COLUMNS, int(sheet_width() / (_HANDLE_INCHES + _INCHES_A_CHARACTER * longest))))


def legend_height(labels: Sequence[str]) -> float:
    """Return the height of a legend above the panels, in inches; 0 for no entry."""
    return LEGEND_ROW_INCHES * -(-len(labels) // legend_columns(labels)) + 0.08 if labels else 0.0


def draw_legend(figure: Figure, entries: dict[str, list[Any]], **place: Any) -> None:
    """Draw the legend of `drawn_entries`: what is drawn in several colors shows them all.

    Args:
        figure: of the panels.
        entries: artists by label; nothing is drawn where there are none.
        place: keywords of `Figure.legend`, such as `loc`.
    """
    if entries:
        handles: list[Any] = [artists[0] if len(artists) == 1 else tuple(artists) for artists in entries.values()]
        figure.legend(
            handles,
            list(entries),
            ncols=legend_columns(entries),
            handlelength=max(2.0, *(0.9 * len(artists) for artists in entries.values())),
            handler_map={tuple: HandlerTuple(ndivide=None, pad=0.2)},
            **place,
        )
