"""Comparison of tables with what they must be, cell by cell, for whoever derives them again."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from replication.foundation.errors import ReplicationError
from replication.foundation.files import csv_bytes


def compare_csv(path: Path, expected: bytes) -> int:
    """Compare a CSV file with what it must be, cell by cell.

    Returns: number of cells.
    Raises:
        ReplicationError: the first cell that differs: file, row, column.
    """
    found_text = _text(path)
    found, wanted = (list(csv.reader(io.StringIO(text))) for text in (found_text, expected.decode()))
    for number, (row, other) in enumerate(zip(found, wanted, strict=False), start=1):
        for column, (cell, right) in enumerate(zip(row, other, strict=False)):
            if cell != right:
                name = wanted[0][column] if number > 1 else f"heading {column + 1}"
                raise ReplicationError(f"{path}: row {number}: {name}: found {cell!r}, derived {right!r}")
        if len(row) != len(other):
            raise ReplicationError(f"{path}: row {number}: found {len(row)} cells, derived {len(other)}")
    if len(found) != len(wanted):
        raise ReplicationError(f"{path}: found {len(found)} rows, derived {len(wanted)}")
    if found_text.encode() != expected:
        raise ReplicationError(f"{path}: its cells are right, its bytes are not those this program writes")
    return sum(map(len, wanted[1:]))


def compare_rows(path: Path, key: str, expected: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Compare some rows of a CSV file with what they must be.

    Args:
        path: the file.
        key: a column whose cells tell its rows apart.
        expected: the rows that are known, all columns of each.

    Returns: number of cells that were compared, and of the rows that were not.
    Raises:
        ReplicationError: a row that is missing, or the first cell that differs.
    """
    rows = list(csv.DictReader(io.StringIO(_text(path))))
    found = {row.get(key): row for row in rows}
    for wanted in expected:
        (derived,) = csv.DictReader(io.StringIO(csv_bytes([wanted]).decode()))
        where = f"{path}: {key} {derived[key]}"
        if derived[key] not in found:
            raise ReplicationError(f"{where}: found no such row, derived one")
        for name, cell in derived.items():
            if found[derived[key]].get(name) != cell:
                raise ReplicationError(f"{where}: {name}: found {found[derived[key]].get(name)!r}, derived {cell!r}")
    return sum(map(len, expected)), len(rows) - len(expected)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except (OSError, ValueError) as error:
        raise ReplicationError(f"{path}: cannot be read ({error}); fetch it again") from None
