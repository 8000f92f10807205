"""Tables: one module each, with `build(experiment, finished) -> Table`. Here: their files.

A table that some experiments cannot have says so in a literal `NEEDS` (specification/needs.py).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from replication.foundation.files import write_atomically
from replication.report.tables.latex import to_latex

_NOT_A_NUMBER = re.compile(r"[^0-9.eE+-]")


@dataclass(frozen=True)
class Table:
    """A table ready to be written: cells are final text, so that CSV, Markdown and LaTeX say the same.

    Attributes:
        name: the module's, and of the files.
        frame: text cells under the headings that are printed.
        caption: says everything needed to read it; its first sentence alone says what is shown.
        compared: groups of columns that hold scores of the same thing; the highest of each row's is printed bold.
        paper_columns: what the LaTeX has, where all columns are too many for a page; empty: all.
        experiment: whose table it is; its LaTeX label says so.
    """

    name: str
    frame: pd.DataFrame
    caption: str
    compared: tuple[tuple[str, ...], ...] = ()
    paper_columns: tuple[str, ...] = ()
    experiment: str = ""

    def files(self) -> dict[str, bytes]:
        """Return the content by suffix: `csv`; `md`, the caption, then the table; `tex`, to be input in a paper."""
        better = better_cells(self.frame, self.compared)
        label = "-".join(filter(None, (self.experiment, self.name)))
        columns = list(self.paper_columns or self.frame.columns)
        return {
            "csv": self.frame.to_csv(index=False, lineterminator="\n").encode(),
            "md": f"{self.caption}\n\n{to_markdown(self.frame, better)}\n".encode(),
            "tex": to_latex(self.frame[columns], better[columns], self.caption, f"tab:{label}").encode(),
        }


def write_table(table: Table, folder: Path) -> list[Path]:
    """Write NAME.csv, NAME.md and NAME.tex.

    Returns: the files.
    """
    content = table.files()
    for suffix, data in content.items():
        write_atomically(folder / f"{table.name}.{suffix}", data)
    return [folder / f"{table.name}.{suffix}" for suffix in content]


def better_cells(frame: pd.DataFrame, compared: tuple[tuple[str, ...], ...]) -> pd.DataFrame:
    """Mark the cells that hold the highest number of their row among columns that are compared.

    Args:
        frame: text cells.
        compared: groups of columns; a cell without a number takes no part, and of one number alone none is better.

    Returns: booleans, as large as the frame. Equal numbers are all the highest.
    """
    marked = np.zeros(frame.shape, dtype=bool)
    for group in compared:
        places = [list(frame.columns).index(name) for name in group]
        numbers = np.array([[leading_number(cell) for cell in frame[name]] for name in group]).T
        several = np.isfinite(numbers).sum(axis=1) > 1
        for row in np.flatnonzero(several):
            marked[row, places] |= numbers[row] == np.nanmax(numbers[row])
    return pd.DataFrame(marked, columns=frame.columns, index=frame.index)


def leading_number(cell: str) -> float:
    """Return the number a cell begins with: 1,234.5 of `1,234.5 ± 3`; NaN where it begins with no number."""
    first = cell.split(" ", 1)[0].replace(",", "").replace("−", "-")
    if not first or _NOT_A_NUMBER.search(first):
        return math.nan
    try:
        return float(first)
    except ValueError:
        return math.nan


def to_markdown(frame: pd.DataFrame, bold: pd.DataFrame) -> str:
    """Write a pipe table of text cells, some of them bold."""
    cells = frame.astype(str).to_numpy().tolist()
    rows = [
        [f"**{cell}**" if marked else cell for cell, marked in zip(row, marks, strict=True)]
        for row, marks in zip(cells, bold.to_numpy().tolist(), strict=True)
    ]
    lines = [list(frame.columns), ["---"] * len(frame.columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines)
