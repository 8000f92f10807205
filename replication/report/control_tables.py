"""The tables of a control experiment: successful trials by number of training episodes, ours beside the published."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from replication.analysis.control_trials import (
    coverage,
    published_trials,
    success_text,
    successes,
    trials_after,
)
from replication.analysis.intervals import family_level
from replication.analysis.proportions import newcombe_difference
from replication.analysis.verdicts import LEVEL, MARGIN_POINTS, MARGIN_SHARE, margin_points, verdict_word
from replication.evidence.control_files import TABLES
from replication.foundation.errors import unknown_name
from replication.report.tables.table import Table
from replication.specification.control_experiments import ControlExperiment


def build_table(experiment: ControlExperiment, name: str, finished: Mapping[str, pd.DataFrame]) -> Table:
    """Build one of the tables that `TABLES` names.

    Raises:
        ReplicationError: no such table.
    """
    if name not in TABLES:
        raise unknown_name("table", name, TABLES)
    return _table1(experiment, finished) if name == "table1" else _variants(experiment, finished)


def _table1(experiment: ControlExperiment, finished: Mapping[str, pd.DataFrame]) -> Table:
    """Build the table of our main variant beside the published numbers, with a verdict a row."""
    main = next(iter(experiment.variants))
    printed = published_trials(experiment)
    level = family_level(LEVEL, len(experiment.training_episodes))
    rows = []
    for episodes in experiment.training_episodes:
        published, trials = printed[episodes]
        row = {"training episodes": f"{episodes}", "published": f"{published}/{trials}"}
        if main not in finished:
            row |= dict.fromkeys(("ours", "transitions", "least balanced, s", "difference, points"), "missing")
            rows.append(row | {"interval": "missing", "margin": "missing", "verdict": "not run"})
            continue
        ours = trials_after(finished[main], episodes)
        successful = successes(ours)
        apart, low, high = (
            100.0 * share for share in newcombe_difference(successful, len(ours), published, trials, level)
        )
        margin = margin_points(100.0 * published / trials)
        cycle_s = experiment.method.plant.cycle_s
        rows.append(
            row
            | {
                "ours": f"{successful}/{len(ours)}",
                "transitions": f"{ours['transitions'].mean():,.0f}",
                "least balanced, s": f"{cycle_s * ours['least_balanced_cycles'].min():.1f}",
                "difference, points": f"{apart:+z.0f}",
                "interval": f"{low:+z.1f} to {high:+z.1f}",
                "margin": f"{margin:.1f}",
                "verdict": verdict_word(low, high, margin),
            }
        )
    caption = (
        f"Successful trials of neural fitted Q iteration on the pole balancing task, ours beside the published. "
        f"{coverage(experiment, finished)} finished. After {experiment.paper}, Table 1. Ours: variant {main} "
        f"({experiment.variants[main].title}), {experiment.repetitions} trials a row, each with its own random "
        f"episodes and initial weights. {success_text(experiment)} Transitions: mean of a trial. Least balanced: of "
        "all test episodes of all trials of the row. Difference: ours minus published, in points of a hundred trials, "
        f"with Newcombe's hybrid score interval, at a level that holds for all {len(rows)} rows together at "
        f"{LEVEL:.0%}. Margin: {MARGIN_POINTS:g} points or {MARGIN_SHARE:.0%} of the published share, whichever is "
        "larger; the interval inside it: replicated; wholly outside: differs; else inconclusive. What the paper leaves "
        "open is listed with the choices made here, which the table of variants changes one by one."
    )
    return Table("table1", pd.DataFrame(rows), caption, (("ours", "published"),), experiment=experiment.experiment)


def _variants(experiment: ControlExperiment, finished: Mapping[str, pd.DataFrame]) -> Table:
    """Build the table of how much the open choices matter: a column a variant."""
    printed = published_trials(experiment)
    rows = []
    for episodes in experiment.training_episodes:
        row = {"training episodes": f"{episodes}", "published": "{}/{}".format(*printed[episodes])}
        for variant in experiment.variants:
            row[variant] = "missing"
            if variant in finished:
                ours = trials_after(finished[variant], episodes)
                row[variant] = f"{successes(ours)}/{len(ours)} ({ours['transitions'].mean():,.0f})"
        rows.append(row)
    meanings = "; ".join(f"{name}: {variant.title}" for name, variant in experiment.variants.items())
    caption = (
        "Successful trials under the choices that the paper leaves open, with the mean number of transitions of a "
        f"trial in parentheses. {coverage(experiment, finished)} finished. {meanings}. {success_text(experiment)} "
        "Variants with the same plant learn from the same transitions and meet the same tests. Verdicts are given on "
        "the first alone."
    )
    return Table("variants", pd.DataFrame(rows), caption, experiment=experiment.experiment)
