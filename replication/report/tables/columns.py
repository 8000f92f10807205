"""Columns as they are printed: heading, the data columns a cell joins, and how their values are written.

The data of a table are plain numbers and words under snake_case names; what a reader sees is made from them here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Write = Callable[..., str]
"""Writes the values of a cell's data columns, none of them missing, as text."""


@dataclass(frozen=True)
class PrintedColumn:
    """A column that a reader sees.

    Attributes:
        heading: what is printed above it.
        data: the data columns that a cell joins, in the order in which `write` takes them.
        write: makes the text of a cell.
        missing: the text where the first of its values is missing.
    """

    heading: str
    data: tuple[str, ...]
    write: Write
    missing: str = ""

    def cell(self, values: tuple[Any, ...]) -> str:
        """Return the text of a cell; a value that is None or NaN is missing."""
        return self.missing if is_missing(values[0]) else self.write(*values)


def snake_case(words: str) -> str:
    """Return the name of a data column for something that has a title: `dqn_released_program`."""
    return re.sub("[^a-z0-9]+", "_", words.lower()).strip("_")


def is_missing(value: object) -> bool:
    """Return True where a cell of the data has no value."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def text(heading: str, data: str | None = None, missing: str = "") -> PrintedColumn:
    """Return a column of words, printed as they are; `data` is the heading in snake_case where it is not given."""
    return PrintedColumn(heading, (data or snake_case(heading),), str, missing)


def number(
    heading: str,
    data: str | None = None,
    *,
    digits: int = 1,
    signed: bool = False,
    unit: str = "",
    missing: str = "missing",
) -> PrintedColumn:
    """Return a column of numbers with this many decimal places, thousands separated."""
    form = f"{'+' if signed else ''}z,.{digits}f"
    return PrintedColumn(heading, (data or snake_case(heading),), lambda value: f"{float(value):{form}}{unit}", missing)


def interval(heading: str, data: str, *, digits: int = 1, signed: bool = False, missing: str = "none") -> PrintedColumn:
    """Return a column of intervals, `1.0 to 2.0`, from the data columns DATA_low and DATA_high."""
    form = f"{'+' if signed else ''}z,.{digits}f"

    def write(low: float, high: float) -> str:
        return f"{float(low):{form}} to {float(high):{form}}"

    return PrintedColumn(heading, (f"{data}_low", f"{data}_high"), write, missing)


def yes_or_no(heading: str, data: str | None = None, missing: str = "") -> PrintedColumn:
    """Return a column of booleans."""
    return PrintedColumn(heading, (data or snake_case(heading),), lambda value: "yes" if value else "no", missing)


def with_deviation(heading: str, data: str, missing: str = "missing") -> PrintedColumn:
    """Return a column of means with standard deviations, `1.0 ± 0.5`, from the data columns DATA and DATA_deviation."""

    def write(mean: float, deviation: float) -> str:
        return f"{float(mean):z,.1f} ± {float(deviation):,.1f}"

    return PrintedColumn(heading, (data, f"{data}_deviation"), write, missing)


def part(heading: str, done: str, of: str, note: str | None = None) -> PrintedColumn:
    """Return a column of counts, `1 of 2`, with what a third data column adds in words."""

    def write(one: float, all_of: float, added: object = "") -> str:
        return f"{one:.0f} of {all_of:.0f}{'' if is_missing(added) else added}"

    return PrintedColumn(heading, (done, of, *([note] if note else [])), write)
