"""Two-point outcomes: tasks whose runs either solve them or do not, so that a mean and a spread say little.

Judged are the shares of runs above a level, halfway from the floor to the task's ceiling or to the value that the
published runs have in common, by Fisher's exact test (Fisher 1935, The logic of inductive inference, JRSS 98); and the
runs above the level by the tests of verdict_rule.py, each of the two with half the error. `differs` if either
says so, else `consistent`. `replicated` is not said of shares: ten of ten beside ten of ten would fit into a quarter,
and be false more often than promised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from scipy import stats

from replication.analysis.verdict_conventions import TWO_POINT_ERROR, Family
from replication.analysis.verdict_rule import Comparison, Runs, Verdict, judge

_GAP_QUANTILE = 0.99
_GAP_NUMBERS = 2_000_000
_SEED = 19_350_101


def is_two_point(published_scores: Sequence[float]) -> bool:
    """Return whether published runs look like two outcomes, where the source does not declare them as such.

    They do where all are equal, or where their largest gap takes more of their range than in 99 of 100 normal samples:
    0.84 of it with five runs, 0.58 with ten. Two runs that differ tell nothing.

    Args:
        published_scores: raw score of each run; fewer than two: False.
    """
    scores = np.sort(np.asarray(published_scores, dtype=np.float64))
    if len(scores) < 2:
        return False
    width = float(scores[-1] - scores[0])
    return width == 0 or (len(scores) > 2 and float(np.diff(scores).max()) / width > gap_limit(len(scores)))


@cache
def gap_limit(runs: int) -> float:
    """Return the part of the range that the largest gap of normal samples exceeds once in a hundred.

    Args:
        runs: of a sample, three or more.

    Returns: of (0, 1); by simulation with a fixed seed.
    """
    samples = np.random.default_rng([_SEED, runs]).standard_normal((_GAP_NUMBERS // runs, runs))
    samples.sort(axis=1)
    return float(np.quantile(np.diff(samples, axis=1).max(axis=1) / np.ptp(samples, axis=1), _GAP_QUANTILE))


def judge_shares(
    ours_above: int,
    ours: int,
    published_above: int,
    published: int,
    family: Family,
    *,
    above: Comparison | None = None,
) -> Verdict:
    """Judge how many runs lie above the level, and the runs that do.

    Args:
        ours_above: our runs above the level.
        ours: all of our runs.
        published_above: published runs above the level.
        published: all published runs.
        family: of the table.
        above: the runs above the level, means above the floor; None where a side has fewer than two of them.

    Returns: `differs` or `consistent`; the reason holds the shares.

    Raises:
        ValueError: more runs above the level than runs, or no run.
    """
    for name, part, whole in (("ours", ours_above, ours), ("published", published_above, published)):
        if not 0 <= part <= whole or whole < 1:
            raise ValueError(
                f"{name}: found {part} of {whole} runs above the level, expected at most all of one or more"
            )
    shares = f"{ours_above} of {ours} runs beside {published_above} of {published} published ones are above the level"
    table = [[ours_above, ours - ours_above], [published_above, published - published_above]]
    p = float(stats.fisher_exact(table).pvalue)
    if p <= TWO_POINT_ERROR / family.size:
        return Verdict("differs", f"{shares} (Fisher's exact test, p = {p:.4f})")
    if above is not None:
        found = judge(above, replace(family, look_factor=2.0 * family.look_factor))
        if found.word == "differs":
            return replace(found, reason=f"{shares}, and the runs above it differ: {found.reason}")
    return Verdict("consistent", f"{shares} (Fisher's exact test, p = {p:.4f})")


def judge_two_point(
    ours: Sequence[float],
    published: Sequence[float],
    level: float,
    family: Family,
    *,
    floor: float = 0.0,
    floor_error: float = 0.0,
) -> Verdict:
    """Judge scores of runs as two-point outcomes.

    Args:
        ours: raw score of each run, one or more.
        published: the same of the published runs.
        level: raw score that a run must exceed.
        family: of the table.
        floor: raw score.
        floor_error: its standard error, raw score.
    """
    sides = [np.asarray(scores, dtype=np.float64) for scores in (ours, published)]
    highs = [side[side > level] for side in sides]
    above = None
    if all(len(high) > 1 for high in highs):
        runs = [Runs(float(high.mean()) - floor, len(high), float(high.var(ddof=1))) for high in highs]
        above = Comparison(runs[0], runs[1], floor_error, None)
    (ours_above, published_above), (all_ours, all_published) = map(len, highs), map(len, sides)
    return judge_shares(ours_above, all_ours, published_above, all_published, family, above=above)


def halfway(floor: float, ceiling: float) -> float:
    """Return the level of a two-point outcome, raw score.

    Args:
        floor: raw score.
        ceiling: of the task, or the value that the published runs have in common.
    """
    return (floor + ceiling) / 2
