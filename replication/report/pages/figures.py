"""The figures of a page: read from their files, each as an image of its own."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from pathlib import Path

from replication.foundation.errors import ReplicationError
from replication.report.figures.sheet import REST
from replication.report.pages.tables import read_made

_LARGEST_SVG_BYTES = 2_000_000
"""A larger drawing goes into the page as its PNG."""


@dataclass(frozen=True)
class ShownFigure:
    """A figure as its files hold it; `source` is the drawing itself, as a data address."""

    name: str
    source: str
    alternative: str
    caption: str
    width: int
    """In CSS pixels, 96 an inch."""
    height: int
    rest: ShownFigure | None = None
    """Its second image, shown on demand."""


def read_figure(folder: Path, name: str, command: str) -> ShownFigure:
    """Read a figure from its drawing and its caption, and its second image where it has one.

    Raises:
        ReplicationError: a file of it is not there; `command` makes it.
    """
    caption = read_made(folder / f"{name}.txt", command).decode().strip()
    first_sentence = re.split(r"(?<=\.) ", caption, maxsplit=1)[0]
    alternative = f"{first_sentence} Every number drawn is in figures/{name}.csv."
    shown = _read_image(folder / name, alternative, caption, command)
    more = folder / f"{name}{REST}"
    if not more.with_suffix(".svg").exists():
        return shown
    return replace(shown, rest=_read_image(more, f"The other panels. {alternative}", caption, command))


def _read_image(path: Path, alternative: str, caption: str, command: str) -> ShownFigure:
    """Read a drawing from PATH.svg, or from PATH.png where that is too large for a page."""
    drawing, kind = read_made(path.with_name(f"{path.name}.svg"), command), "svg+xml"
    size = _size(drawing)
    if size is None:
        raise ReplicationError(f"{path}.svg: found no size in points; render the figure again")
    if len(drawing) > _LARGEST_SVG_BYTES:
        drawing, kind = read_made(path.with_name(f"{path.name}.png"), command), "png"
    return ShownFigure(path.name, _address(drawing, kind), alternative, caption, *size)


def shown_drawing(drawing: bytes, caption: str, name: str) -> ShownFigure:
    """Return a drawing that was just made, as SVG, with its caption."""
    width, height = _size(drawing) or (0, 0)
    return ShownFigure(name, _address(drawing, "svg+xml"), caption, caption, width, height)


def _size(drawing: bytes) -> tuple[int, int] | None:
    """Read width and height of an SVG in CSS pixels; None where it states none in points."""
    size = re.search(rb'width="([\d.]+)pt" height="([\d.]+)pt"', drawing)
    return None if size is None else (round(float(size[1]) * 96 / 72), round(float(size[2]) * 96 / 72))


def _address(drawing: bytes, kind: str) -> str:
    """Return a drawing as an image of its own, so that names inside one never meet those of another."""
    return f"data:image/{kind};base64,{base64.b64encode(drawing).decode()}"
