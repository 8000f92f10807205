"""Every verdict of the tables that are made as one tidy data frame: a row a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from replication.analysis.other_scores import MARKS
from replication.report.pages.tables import judged_rows_of
from replication.specification.experiments import known_experiments

_TEXTS = ("experiment", "table", "agent", "task", "at", "verdict", "reason")
_NUMBERS = {
    "ours": ("score", "ours"),
    "published": ("published", "exact"),
    "share": ("share",),
    "share_low": ("share_low",),
    "share_high": ("share_high",),
    "difference": ("difference",),
    "seeds": ("seeds_judged", "runs", "ours_trials"),
}
"""Numbers, each with the columns that tables have it in."""
_SEVERITY = ("would_have_passed", "not_ruled_out")
VERDICT_COLUMNS = (*_TEXTS, *_NUMBERS, *_SEVERITY)
_PLACES = ("frames", "step", "training_episodes", "step_size")
"""Columns that tell rows of one agent and task apart."""


def verdict_frame(results: Path, experiment: str | None = None) -> pd.DataFrame:
    """Read the verdicts of the tables that lie in a folder of results.

    Args:
        results: root of the results.
        experiment: one alone, `+KEY=VALUE` included; None: all.

    Returns: `VERDICT_COLUMNS`, in the order of experiments, tables and their rows. Text that a table does not have is
        empty, a number is missing. What stands in the place of an agent in a table of statements is the statement.
    """
    known = known_experiments()
    tables = sorted(results.glob(f"{experiment or '*'}/tables/*.csv"))
    rows = [
        _row(path, row)
        for path in tables
        if path.parts[-3].partition("+")[0] in known
        for row in judged_rows_of(path)
        if not row.get("agent", "").endswith(MARKS)
    ]
    frame = pd.DataFrame(rows, columns=list(VERDICT_COLUMNS))
    return frame.astype(dict.fromkeys(_NUMBERS, "float64"))


def _row(path: Path, row: Mapping[str, str]) -> dict[str, Any]:
    agent = row.get("agent") or row.get("statement") or ""
    numbers = {name: _number(next(_cells(row, columns), "")) for name, columns in _NUMBERS.items()}
    places = [f"{name.replace('_', ' ')} {row[name]}" for name in _PLACES if row.get(name)]
    return {
        "experiment": path.parts[-3],
        "table": path.stem,
        "agent": agent,
        "task": row.get("task") or row.get("game") or "",
        "at": ", ".join(places),
        "verdict": row["verdict"],
        "reason": row.get("reason", ""),
        **numbers,
        **{name: row.get(name, "") for name in _SEVERITY},
    }


def _cells(row: Mapping[str, str], columns: tuple[str, ...]) -> Iterator[str]:
    return (row[column] for column in columns if row.get(column))


def _number(cell: str) -> float | None:
    """Read a number; a text in its place, as statements have it, is none."""
    try:
        return float(cell)
    except ValueError:
        return None
