"""Tables: one module each, with `build(experiment, finished) -> Table`. Here: their files.

A table that some experiments cannot have says so in a literal `NEEDS` (specification/needs.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from replication.foundation.files import write_atomically
from replication.report.tables.columns import PrintedColumn, is_missing, text
from replication.report.tables.latex import to_latex

DIGITS = 12
"""Significant digits of a number in a CSV: more than any source prints, and fewer than those in which the libraries of
two machines may differ."""


@dataclass(frozen=True)
class Table:
    """A table ready to be written: data, and how a reader sees them.

    Attributes:
        name: the module's, and of the files.
        frame: the data, a row a row: plain numbers, words, booleans; None or NaN where there is no value. The CSV.
        caption: says everything needed to read it; its first sentence alone says what is shown.
        paper_columns: headings that the LaTeX has, where all columns are too many for a page; empty: those up to the
            verdict, or all where nothing is judged.
        experiment: whose table it is; its LaTeX label says so.
        columns: what Markdown, LaTeX and page print, in their order; each names the data columns it is made of. Empty:
            the data are words alone, and printed as they are.
    """

    name: str
    frame: pd.DataFrame
    caption: str
    paper_columns: tuple[str, ...] = ()
    experiment: str = ""
    columns: tuple[PrintedColumn, ...] = ()

    def printed(self) -> pd.DataFrame:
        """Return what a reader sees: text cells under the headings."""
        cells = {
            column.heading: [
                column.cell(values) for values in zip(*(self.frame[name] for name in column.data), strict=True)
            ]
            for column in self._columns()
        }
        return pd.DataFrame(cells, dtype=str)

    def files(self) -> dict[str, bytes]:
        """Return the content by suffix: `csv`; `md`, the caption, then the table; `tex`, to be input in a paper."""
        printed = self.printed()
        label = "-".join(filter(None, (self.experiment, self.name)))
        columns = list(self.paper_columns or up_to_the_verdict(list(printed.columns)) or printed.columns)
        return {
            "csv": to_csv(self.frame),
            "md": f"{self.caption}\n\n{to_markdown(printed)}\n".encode(),
            "tex": to_latex(printed[columns], self.caption, f"tab:{label}").encode(),
        }

    def _columns(self) -> tuple[PrintedColumn, ...]:
        return self.columns or tuple(text(str(name), str(name)) for name in self.frame.columns)


def up_to_the_verdict(headings: list[str]) -> list[str]:
    """Return the headings up to the last verdict, which are what it rests on; none where nothing is judged."""
    places = [place for place, heading in enumerate(headings) if heading.startswith("verdict")]
    return headings[: places[-1] + 1] if places else []


def write_table(table: Table, folder: Path) -> list[Path]:
    """Write NAME.csv, NAME.md and NAME.tex.

    Returns: the files.
    """
    content = table.files()
    for suffix, data in content.items():
        write_atomically(folder / f"{table.name}.{suffix}", data)
    return [folder / f"{table.name}.{suffix}" for suffix in content]


def to_csv(frame: pd.DataFrame) -> bytes:
    """Write data as CSV: numbers with `DIGITS` significant digits, no separators; `true`, `false`; blank: no value."""
    cells = {str(name): [_plain(value) for value in frame[name].tolist()] for name in frame.columns}
    return pd.DataFrame(cells, dtype=str).to_csv(index=False, lineterminator="\n").encode()


def _plain(value: object) -> str:
    if is_missing(value):
        return ""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:z.{DIGITS}g}"
    return str(value)


def to_markdown(frame: pd.DataFrame) -> str:
    """Write a pipe table of text cells."""
    rows = frame.astype(str).to_numpy().tolist()
    lines = [list(frame.columns), ["---"] * len(frame.columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines)


def from_markdown(markdown: str) -> tuple[str, list[str], list[list[str]]]:
    """Read back what `Table.files` wrote as Markdown.

    Returns: the caption, the headings, and the text cells.
    """
    caption, _, table = markdown.rpartition("\n\n") if not markdown.startswith("| ") else ("", "", markdown)
    header, _, *rows = [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in table.splitlines()]
    return caption.strip(), header, rows
