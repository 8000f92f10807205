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

    def files(self) -> dict[str, bytes]:
        """Content by suffix: `csv`, and `md` (the caption, then the table)."""
        return {
            "csv": self.frame.to_csv(index=False, lineterminator="\n").encode(),
            "md": f"{self.caption}\n\n{to_markdown(self.frame)}\n".encode(),
        }


def write_table(table: Table, folder: Path) -> list[Path]:
    """Write NAME.csv and NAME.md.

    Returns: both paths.
    """
    content = table.files()
    for suffix, data in content.items():
        write_atomically(folder / f"{table.name}.{suffix}", data)
    return [folder / f"{table.name}.{suffix}" for suffix in content]


def to_markdown(frame: pd.DataFrame) -> str:
    """A pipe table of text cells."""
    rows = [list(frame.columns), ["---"] * len(frame.columns), *frame.astype(str).to_numpy().tolist()]
    return "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in rows)
