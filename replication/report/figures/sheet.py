"""The sheet that a figure is drawn on: its width and font, those of the pages unless another one is asked for.

A figure's module asks for its width here, so that it can be laid out anew for the column of an article.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

REST = "_rest"
"""What is added to a figure's name for its second image."""


@dataclass(frozen=True)
class Sheet:
    """What a figure is drawn on.

    Attributes:
        width_inches: greatest width of a drawing.
        font: a family that matplotlib brings along, so that equal data give equal bytes everywhere.
    """

    width_inches: float = 10.0
    font: str = "DejaVu Sans"


PAGE = Sheet()
"""That of the pages."""
COLUMN_INCHES = {"one-column": 3.3, "two-columns": 6.9}
"""Width of a figure in an article of two columns, such as LaTeX's `article` on letter or A4 paper with usual margins;
the wider one is the text width of an article of one column as well."""
FONTS = {"sans": "DejaVu Sans", "serif": "STIXGeneral"}
"""Families that matplotlib brings along; the serif one has the proportions of Times."""
_SHEET: ContextVar[Sheet] = ContextVar("sheet", default=PAGE)


@contextmanager
def drawn_on(sheet: Sheet) -> Iterator[None]:
    """Draw the figures that are built inside on this sheet."""
    before = _SHEET.set(sheet)
    try:
        yield
    finally:
        _SHEET.reset(before)


def sheet_font() -> str:
    """Return the family of all words in a figure."""
    return _SHEET.get().font


def sheet_width(wanted_inches: float = 10.0) -> float:
    """Return the width to draw at: the one wanted, in inches, or the sheet's where that is narrower."""
    return min(wanted_inches, _SHEET.get().width_inches)


def columns_that_fit(panels: int, most: int, least_inches: float) -> int:
    """Return how many panels to put side by side: at most `most`, each at least `least_inches` wide; 1 at least."""
    return max(1, min(panels, most, int(sheet_width() / least_inches)))
