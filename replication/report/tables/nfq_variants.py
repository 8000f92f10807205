"""Successful trials under the choices that Riedmiller 2005 leaves open: a column a variant."""

from __future__ import annotations

import pandas as pd

from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.successful_trials import (
    finished_trials,
    published_trials,
    success_text,
    training_episodes,
    variants_of,
)
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
    rows = []
    for episodes in training_episodes(experiment):
        published = "{}/{}".format(*printed[episodes]) if episodes in printed else "none"
        row = {"training episodes": f"{episodes}", "published": published}
        for variant in variants:
            trials = ours.get((variant, episodes))
            row[variant] = (
                f"{trials.successful}/{trials.count} ({trials.mean_transitions:,.0f})" if trials else "missing"
            )
        rows.append(row)
    meanings = "; ".join(f"{name}: {run.variant.title}" for name, run in variants.items())
    caption = (
        "Successful trials under the choices that the paper leaves open, with the mean number of transitions of a "
        f"trial in parentheses. {coverage(experiment, finished)} finished. {meanings}. "
        f"{success_text(next(iter(variants.values())))} Variants with the same plant learn from the same transitions "
        "and meet the same tests. Verdicts are given on the first alone."
    )
    return Table("nfq_variants", pd.DataFrame(rows), caption)
