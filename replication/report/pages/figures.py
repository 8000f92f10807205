"""The figures of a page: read from their files, each as an image of its own."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path

from replication.foundation.errors import ReplicationError
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


def read_figure(folder: Path, name: str, command: str) -> ShownFigure:
    """Read a figure from its drawing and its caption.

    Raises:
        ReplicationError: a file of it is not there; `command` makes it.
    """
    path = folder / name
    caption = read_made(path.with_name(f"{name}.txt"), command).decode().strip()
    drawing, kind = read_made(path.with_name(f"{name}.svg"), command), "svg+xml"
    size = _size(drawing)
    if size is None:
        raise ReplicationError(f"{path}.svg: found no size in points; render the figure again")
    width, height = size
    if len(drawing) > _LARGEST_SVG_BYTES:
        drawing, kind = read_made(path.with_name(f"{name}.png"), command), "png"
    first_sentence = re.split(r"(?<=\.) ", caption, maxsplit=1)[0]
    alternative = f"{first_sentence} Every number drawn is in figures/{name}.csv."
    return ShownFigure(name, _address(drawing, kind), alternative, caption, width, height)


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
