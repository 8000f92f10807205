"""Successful trials under the choices that Riedmiller 2005 leaves open: a column a variant."""

from __future__ import annotations

from typing import Any

import pandas as pd

from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.successful_trials import (
    finished_trials,
    published_trials,
    success_text,
    training_episodes,
    variants_of,
)
from replication.report.tables.columns import PrintedColumn, number, snake_case
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment

NEEDS = {"source": ("nfq_2005_table1",)}


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table: a row a number of training episodes."""
    variants, printed, ours = (
        variants_of(experiment),
        published_trials(experiment),
        finished_trials(experiment, finished),
    )
    rows: list[dict[str, Any]] = []
    for episodes in training_episodes(experiment):
        successful, trials = printed.get(episodes, (None, None))
        row: dict[str, Any] = {"training_episodes": episodes, "published": successful, "published_trials": trials}
        for variant in variants:
            found = ours.get((variant, episodes))
            name = snake_case(variant)
            row[name], row[f"{name}_trials"] = (found.successful, found.count) if found else (None, None)
            row[f"{name}_transitions"] = found.mean_transitions if found else None
        rows.append(row)
    meanings = "; ".join(f"{name}: {run.variant.title}" for name, run in variants.items())
    caption = (
        "Successful trials under the choices that the paper leaves open, with the mean number of transitions of a "
        f"trial in parentheses. {coverage(experiment, finished)} finished. {meanings}. "
        f"{success_text(next(iter(variants.values())))} Variants with the same plant learn from the same transitions "
        "and meet the same tests. Verdicts are given on the first alone."
    )
    columns = (
        number("training episodes", digits=0),
        PrintedColumn("published", ("published", "published_trials"), _trials, "none"),
        *(_column(variant) for variant in variants),
    )
    return Table("nfq_variants", pd.DataFrame(rows), caption, columns=columns)


def _column(variant: str) -> PrintedColumn:
    name = snake_case(variant)
    return PrintedColumn(variant, (name, f"{name}_trials", f"{name}_transitions"), _trials, "missing")


def _trials(successful: float, count: float, transitions: float | None = None) -> str:
    return f"{successful:.0f}/{count:.0f}{'' if transitions is None else f' ({transitions:,.0f})'}"
