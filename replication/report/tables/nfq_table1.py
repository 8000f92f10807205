"""Riedmiller 2005, Table 1: successful trials by number of random training episodes, ours beside the published.

Verdicts are about the experiment's first variant. What the paper leaves open is declared, and varied by the others
(nfq_variants.py).
"""

from __future__ import annotations

import pandas as pd

from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.intervals import family_level
from replication.analysis.proportions import newcombe_difference
from replication.analysis.successful_trials import (
    Trials,
    finished_trials,
    published_trials,
    series_of,
    success_text,
    tests_of,
    training_episodes,
    variants_of,
)
from replication.analysis.verdicts import LEVEL, MARGIN_POINTS, MARGIN_SHARE, margin_points, verdict_word
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment

NEEDS = {"source": ("nfq_2005_table1",)}
_OURS = ("ours", "transitions", "least balanced, s", "difference, points", "interval", "margin")


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table: a row a number of training episodes, with its verdict."""
    main, run = next(iter(variants_of(experiment).items()))
    asked, printed, ours = (
        training_episodes(experiment),
        published_trials(experiment),
        finished_trials(experiment, finished),
    )
    level = family_level(LEVEL, len(asked))
    cycle_s = tests_of(run)[1].plant.cycle_s
    rows = [_row(episodes, printed.get(episodes), ours.get((main, episodes)), level, cycle_s) for episodes in asked]
    series = series_of(experiment)
    seeds = len({each.seed for each in experiment.runs() if series(each) == main})
    caption = (
        f"Successful trials of neural fitted Q iteration on the pole balancing task, ours beside the published. "
        f"{coverage(experiment, finished)} finished. After {experiment.paper}, Table 1. Ours: variant {main} "
        f"({run.variant.title}), {seeds} trials a row, each with its own random episodes and initial weights. "
        f"{success_text(run)} Transitions: mean of a trial. Least balanced: of all test episodes of all trials of the "
        "row. Difference: ours minus published, in points of a hundred trials, with Newcombe's hybrid score interval, "
        f"at a level that holds for all {len(rows)} rows together at {LEVEL:.0%}. Margin: {MARGIN_POINTS:g} points or "
        f"{MARGIN_SHARE:.0%} of the published share, whichever is larger; the interval inside it: replicated; wholly "
        "outside: differs; else inconclusive. What the paper leaves open is listed with the choices made here, which "
        "the table of variants changes one by one."
    )
    return Table("nfq_table1", pd.DataFrame(rows), caption, (("ours", "published"),))


def _row(
    episodes: int, printed: tuple[int, int] | None, ours: Trials | None, level: float, cycle_s: float
) -> dict[str, str]:
    row = {"training episodes": f"{episodes}", "published": "none" if printed is None else "{}/{}".format(*printed)}
    row |= dict.fromkeys(_OURS, "missing")
    if ours is None:
        return row | {"verdict": "not run"}
    row |= {
        "ours": f"{ours.successful}/{ours.count}",
        "transitions": f"{ours.mean_transitions:,.0f}",
        "least balanced, s": f"{cycle_s * ours.least_balanced_cycles:.1f}",
    }
    if printed is None:
        return row | {"verdict": "no reference"}
    published, trials = printed
    shares = newcombe_difference(ours.successful, ours.count, published, trials, level)
    apart, low, high = (100.0 * share for share in shares)
    margin = margin_points(100.0 * published / trials)
    return row | {
        "difference, points": f"{apart:+z.0f}",
        "interval": f"{low:+z.1f} to {high:+z.1f}",
        "margin": f"{margin:.1f}",
        "verdict": verdict_word(low, high, margin),
    }
