"""Reading a CSV of published numbers: every cell is checked before any of them is used.

A file is rejected as a whole, with one line that names the file, the row, the column, what was found and what was
expected. Rows are counted as an editor counts lines: the header is row 1.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import itertools
import math
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal

import pandas as pd

from replication.foundation.errors import ReplicationError, unknown_name

# Stricter than float(): no exponent, no underscore, no "nan", no blanks around it.
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_COUNT = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True)
class Column:
    """The cells that one column may hold.

    Attributes:
        kind: text, a decimal number, or a whole number of 0 or more.
        blank: whether a cell may be empty, which means that nobody knows; reads as NaN, or as empty text.
        accepted: the texts there are; none given: any.
        low: least number.
        high: greatest number.
    """

    kind: Literal["text", "number", "count"] = "text"
    blank: bool = False
    accepted: tuple[str, ...] = ()
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True)
class Schema:
    """The rows and columns of a file.

    Attributes:
        columns: every column, by name; the order in the file is free.
        key: columns that tell one row from another.
        complete: columns of the key, and all their values as the file spells them: within each combination of the
            other columns of the key there is one row for every combination of these values, and no other row.
    """

    columns: Mapping[str, Column]
    key: tuple[str, ...]
    complete: Mapping[str, Sequence[str]] = field(default_factory=dict)


def read_table(path: Path, schema: Schema) -> pd.DataFrame:
    """Read and check one CSV, gzip-compressed where its name ends in .gz.

    Returns:
        Text as str, numbers as float64, counts as int64 (float64 where blanks are allowed).

    Raises:
        ReplicationError: the file cannot be read, or breaks the schema.
    """
    header, rows, lines = _cells(path)
    missing = [name for name in schema.columns if name not in header]
    if missing:
        unknown = [name for name in header if name not in schema.columns]
        near = difflib.get_close_matches(missing[0], unknown, n=1, cutoff=0.5)
        instead = f" (found {near[0]!r})" if near else ""
        raise ReplicationError(
            f"{path}: row 1: {missing[0]}: no such column found{instead}, expected columns {', '.join(schema.columns)}"
        )
    if len(header) != len(schema.columns):
        surplus = next(name for name in header if name not in schema.columns or header.count(name) > 1)
        raise ReplicationError(
            f"{path}: row 1: {surplus!r}: found a column too many, expected columns {', '.join(schema.columns)}"
        )
    cells = {name: [row[header.index(name)] for row in rows] for name in schema.columns}
    values = {name: _values(path, name, schema.columns[name], cells[name], lines) for name in schema.columns}
    _check_rows(path, schema, cells, lines)
    return pd.DataFrame(values)


def _cells(path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    """Read the header, the rows and the line each row ends on."""
    rows, lines = [], []
    try:
        with _open(path) as file:
            reader = csv.reader(file, strict=True)
            for row in reader:
                rows.append(row)
                lines.append(reader.line_num)
    except FileNotFoundError:
        raise ReplicationError(f"{path}: not found, expected a CSV of published numbers") from None
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise ReplicationError(f"{path}: not readable as CSV ({error}); restore the file") from None
    if len(rows) < 2:
        raise ReplicationError(f"{path}: found {len(rows)} rows, expected a header and at least one row")
    header = rows[0]
    for line, row in zip(lines, rows, strict=True):
        if len(row) != len(header):
            raise ReplicationError(f"{path}: row {line}: found {len(row)} cells, expected {len(header)} as in row 1")
    return header, rows[1:], lines[1:]


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _values(path: Path, name: str, column: Column, cells: list[str], lines: list[int]) -> pd.Series:
    """Check the cells of one column, and return them as text or as numbers."""
    if column.kind == "text":
        for line, cell in zip(lines, cells, strict=True):
            if not cell and not column.blank:
                raise ReplicationError(f"{path}: row {line}: {name}: found an empty cell, expected text")
            if cell and column.accepted and cell not in column.accepted:
                raise ReplicationError(f"{path}: row {line}: {name}: {unknown_name(name, cell, column.accepted)}")
        return pd.Series(cells, dtype=str)
    pattern = _COUNT if column.kind == "count" else _NUMBER
    numbers = []
    for line, cell in zip(lines, cells, strict=True):
        if not cell and column.blank:
            numbers.append(math.nan)
            continue
        number = float(cell) if pattern.fullmatch(cell) else math.nan
        if not (math.isfinite(number) and column.low <= number <= column.high):
            raise ReplicationError(f"{path}: row {line}: {name}: found {cell!r}, expected {_expected(column)}")
        numbers.append(number)
    return pd.Series(numbers, dtype="int64" if column.kind == "count" and not column.blank else "float64")


def _expected(column: Column) -> str:
    what = "a whole number" if column.kind == "count" else "a finite decimal number"
    least = f" of at least {column.low:g}" if math.isfinite(column.low) else ""
    most = f" and at most {column.high:g}" if math.isfinite(column.high) else ""
    return f"{what}{least}{most}"


def in_words(cells: Iterable[str]) -> str:
    """Write cells for a message: plain, but for what would break its line."""
    return ", ".join(cell if cell.isprintable() else repr(cell) for cell in cells)


def _check_rows(path: Path, schema: Schema, cells: Mapping[str, list[str]], lines: list[int]) -> None:
    """Check that no row stands there twice, that no row is missing and that every row belongs."""
    keys = list(zip(*(cells[name] for name in schema.key), strict=True))
    first_lines: dict[tuple[str, ...], int] = {}
    for line, key in zip(lines, keys, strict=True):
        if key in first_lines:
            raise ReplicationError(
                f"{path}: row {line}: {', '.join(schema.key)}: found {in_words(key)} again, expected it once "
                f"(row {first_lines[key]})"
            )
        first_lines[key] = line
    if not schema.complete:
        return
    for name, expected in schema.complete.items():
        accepted = set(expected)
        for line, cell in zip(lines, cells[name], strict=True):
            if cell not in accepted:
                raise ReplicationError(f"{path}: row {line}: {name}: {unknown_name(name, cell, expected)}")
    groups = [name for name in schema.key if name not in schema.complete]
    group_values = sorted(set(zip(*(cells[name] for name in groups), strict=True))) if groups else [()]
    per_group = math.prod(len(expected) for expected in schema.complete.values())
    for group in group_values:
        fixed = dict(zip(groups, group, strict=True))
        for combination in itertools.product(*schema.complete.values()):
            row = fixed | dict(zip(schema.complete, combination, strict=True))
            if tuple(row[name] for name in schema.key) not in first_lines:
                raise ReplicationError(
                    f"{path}: {', '.join(schema.key)}: found no row for {in_words(row[name] for name in schema.key)}, "
                    f"expected {per_group} rows{' for each ' + ', '.join(groups) if groups else ''}"
                )
