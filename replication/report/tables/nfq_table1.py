"""Riedmiller 2005, Table 1: successful trials by number of random training episodes, ours beside the published.

Verdicts are about the experiment's first variant. What the paper leaves open is declared, and varied by the others
(nfq_variants.py).
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from scipy import stats

from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.intervals import LEVEL, family_level
from replication.analysis.proportions import newcombe_difference
from replication.analysis.successful_trials import (
    Trials,
    finished_trials,
    floor_trials,
    published_trials,
    series_of,
    success_text,
    tests_of,
    training_episodes,
    variants_of,
)
from replication.analysis.two_point import judge_shares
from replication.analysis.verdict_conventions import INFORMATIVE_LEVEL, TWO_POINT_ERROR, Family, look_factor
from replication.analysis.verdict_rule import Verdict, no_reference, not_run
from replication.report.tables.columns import PrintedColumn, number, text
from replication.report.tables.columns import interval as interval_column
from replication.report.tables.table import Table
from replication.report.tables.verdict_columns import REASON, VERDICT, severity_data
from replication.specification.experiments import Experiment

NEEDS = {"source": ("nfq_2005_table1",)}


def _of(part: float, whole: float) -> str:
    return f"{part:.0f}/{whole:.0f}"


_FLOOR = "untrained networks"
_COLUMNS = (
    number("training episodes", digits=0),
    PrintedColumn("ours", ("ours", "ours_trials"), _of, "missing"),
    PrintedColumn("published", ("published", "published_trials"), _of, "none"),
    number("difference, points", "difference", digits=0, signed=True),
    interval_column("its interval", "difference", signed=True),
    VERDICT,
    REASON,
    text("would have passed"),
    number("transitions", digits=0),
    number("least balanced, s", "least_balanced_s"),
)


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table: a row a number of training episodes, with its verdict."""
    main, run = next(iter(variants_of(experiment).items()))
    printed, ours = published_trials(experiment), finished_trials(experiment, finished)
    floor = floor_trials(experiment, finished)
    asked = training_episodes(experiment)
    counted = [episodes for episodes in asked if episodes in printed and _informative(printed[episodes], floor)]
    family = Family(len(counted), look_factor(experiment.looks))
    cycle_s = tests_of(run)[1].plant.cycle_s
    rows = [
        _row(episodes, printed.get(episodes), ours.get((main, episodes)), floor, family, cycle_s) for episodes in asked
    ]
    return Table("nfq_table1", pd.DataFrame(rows), _caption(experiment, finished, floor, family), columns=_COLUMNS)


def _informative(printed: tuple[int, int], floor: Trials | None) -> bool:
    """Return whether the published share is clearly above that of networks that learned nothing."""
    if floor is None:
        return True
    successful, trials = printed
    table = [[successful, trials - successful], [floor.successful, floor.count - floor.successful]]
    return float(stats.fisher_exact(table, alternative="greater").pvalue) <= 1.0 - INFORMATIVE_LEVEL


def _row(
    episodes: int,
    printed: tuple[int, int] | None,
    ours: Trials | None,
    floor: Trials | None,
    family: Family,
    cycle_s: float,
) -> dict[str, Any]:
    published, trials = printed or (None, None)
    row: dict[str, Any] = {"training_episodes": episodes, "published": published, "published_trials": trials}
    row |= {
        "ours": ours.successful if ours else None,
        "ours_trials": ours.count if ours else None,
        "transitions": ours.mean_transitions if ours else None,
        "least_balanced_s": cycle_s * ours.least_balanced_cycles if ours else None,
        "floor": floor.successful if floor else None,
        "floor_trials": floor.count if floor else None,
    }
    shares: tuple[float | None, ...] = (None, None, None)
    if ours is not None and published is not None and trials is not None:
        level = family_level(LEVEL, round(family.size))
        found = newcombe_difference(ours.successful, ours.count, published, trials, level)
        shares = tuple(100.0 * share for share in found)
    row |= dict(zip(("difference", "difference_low", "difference_high"), shares, strict=True))
    verdict = _verdict(printed, ours, floor, family)
    passed: tuple[str, ...] = ()
    if printed is not None and floor is not None:
        beside = judge_shares(floor.successful, floor.count, *printed, family)
        passed = (_FLOOR,) if beside.word == "consistent" else ()
    return row | {
        "verdict": verdict.word,
        "reason": verdict.reason,
        "comparisons": family.comparisons,
        **severity_data(passed, passed, int(floor is not None)),
    }


def _verdict(printed: tuple[int, int] | None, ours: Trials | None, floor: Trials | None, family: Family) -> Verdict:
    if printed is None:
        return no_reference("nothing was published after as many training episodes")
    if ours is None:
        return not_run()
    if floor is None:
        return Verdict("not run", "the networks that are the floor are not run")
    if not _informative(printed, floor):
        return Verdict(
            "uninformative", "the published share is not clearly above that of networks that learned nothing"
        )
    return judge_shares(ours.successful, ours.count, *printed, family)


def _caption(experiment: Experiment, finished: FinishedRuns, floor: Trials | None, family: Family) -> str:
    main, run = next(iter(variants_of(experiment).items()))
    series = series_of(experiment)
    seeds = len({each.seed for each in experiment.runs() if series(each) == main})
    of_floor = f"{floor.successful} of {floor.count} networks that learned nothing" if floor else "not run yet"
    return (
        f"Successful trials of neural fitted Q iteration on the pole balancing task, ours beside the published. "
        f"{coverage(experiment, finished)} finished. After {experiment.paper}, Table 1. Ours: variant {main} "
        f"({run.variant.title}), {seeds} trials a row, each with its own random episodes and initial weights. "
        f"{success_text(run)} Transitions: mean of a trial. Least balanced: of all test episodes of all trials of the "
        "row. Difference: ours minus published, in points of a hundred trials, with Newcombe's hybrid score interval, "
        f"at a level that holds for all {family.comparisons} comparisons together at {LEVEL:.0%}. Verdict: `differs` "
        f"where Fisher's exact test finds the two shares apart (two-sided, p at most {TWO_POINT_ERROR:.1%} over the "
        "table), else `consistent`, which is no more than that: shares of so few trials cannot be shown to be "
        f"equal. Floor, by the same test: {of_floor}; would have passed: whether they would be `consistent` too. What "
        "the paper leaves open is listed with the choices made here, which the table of variants changes one by one."
    )
