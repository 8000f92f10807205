"""Tables: one module each, with `build(experiment, results) -> Table`. Here: their files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from replication.files import write_atomically


@dataclass(frozen=True)
class Table:
    """A table ready to be written: cells are final text, so that CSV and Markdown say the same."""

    name: str
    frame: pd.DataFrame
    caption: str


def write_table(table: Table, folder: Path) -> list[Path]:
    """Write NAME.csv and NAME.md (the caption, then the table).

    Returns: both paths.
    """
    csv, markdown = folder / f"{table.name}.csv", folder / f"{table.name}.md"
    write_atomically(csv, table.frame.to_csv(index=False, lineterminator="\n").encode())
    write_atomically(markdown, f"{table.caption}\n\n{to_markdown(table.frame)}\n".encode())
    return [csv, markdown]


def to_markdown(frame: pd.DataFrame) -> str:
    """A pipe table of text cells."""
    rows = [list(frame.columns), ["---"] * len(frame.columns), *frame.astype(str).to_numpy().tolist()]
    return "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in rows)
