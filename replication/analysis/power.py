"""The errors of verdicts: simulated seeds of known truth, judged as the score table judges real ones.

A verdict errs only where its interval misses the true difference: `differs` with the truth inside the margin, or
`replicated` with it outside. So both errors together are at most 1 - level, and over a table at most 5 %, however far
apart the agents truly are. The margin is that of the printed score, which is itself a draw.

Assumed: scores of seeds are normal, and ours vary as the published ones do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from replication.analysis.verdicts import MARGIN_POINTS, MARGIN_SHARE

Floats = NDArray[np.float64]

SEED_COUNTS = (1, 2, 3, 5, 10, 20, 50, 100)
"""Numbers of seeds a game that are tried."""
WANTED_SHARE = 0.8
TRUE_DIFFERENCE_MARGINS = 2.0
"""The distance in margins between agents that should be found to differ."""
_REPLICATES = 4_000
_SEED = 20_150_226


@dataclass(frozen=True)
class Errors:
    """Differences of means in units of the between-run standard deviation, as experiments of known truth give them.

    Attributes:
        apart: float64 [replicates], our mean less the published one, less the truth.
        published: float64 [replicates], the published mean less its truth.
        half_width: float64 [replicates], half the interval of the difference.
    """

    apart: Floats
    published: Floats
    half_width: Floats


def draw_errors(
    stream: np.random.Generator,
    shape: tuple[int, ...],
    *,
    seeds: int,
    published_runs: int | None,
    level: float,
    stand_in_factor: float = 1.0,
) -> Errors:
    """Draw the errors of the means that `judge` is given, many times.

    Args:
        stream: owned by the caller.
        shape: of the draws; each is one experiment.
        seeds: of ours; the spread of one seed is stood in for.
        published_runs: runs behind the published mean with their own spread; None: one number, its spread stood in.
        level: of the interval.
        stand_in_factor: a stood-in spread over the true one; 1: it is right.
    """
    ours = stream.standard_normal(shape) / math.sqrt(seeds)
    published = stream.standard_normal(shape) / math.sqrt(published_runs or 1)
    half_squares: Floats = np.zeros(shape)
    for count in (seeds if seeds > 1 else None, published_runs):
        if count is None:  # one run, whose spread is stood in for
            half_squares += (stats.norm.ppf(0.5 + level / 2) * stand_in_factor) ** 2
        else:
            variance = stream.chisquare(count - 1, shape) / (count - 1) / count
            half_squares += stats.t.ppf(0.5 + level / 2, count - 1) ** 2 * variance
    return Errors(ours - published, published, np.sqrt(half_squares))


def verdict_words(
    errors: Errors, *, difference: Floats, published: Floats, spread: Floats
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], Floats]:
    """Return the verdicts that `verdicts.judge` gives on each draw.

    Args:
        errors: of shape [replicates, ...], in units of the spread.
        difference: float64 [...], true difference in normalised points.
        published: float64 [...], true published normalised score.
        spread: float64 [...], between-run standard deviation in normalised points.

    Returns: whether `replicated`, whether `differs`, and the margin; each of the shape of the draws.
    """
    apart, half = difference + spread * errors.apart, spread * errors.half_width
    margin = np.maximum(MARGIN_POINTS, MARGIN_SHARE * np.abs(published + spread * errors.published))
    low, high = apart - half, apart + half
    return (low >= -margin) & (high <= margin), (low > margin) | (high < -margin), margin


def false_verdicts(
    errors: Errors, *, difference: Floats, published: Floats, spread: Floats
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which draws give a false `replicated` and which a false `differs`; arguments as for `verdict_words`."""
    replicated, differs, margin = verdict_words(errors, difference=difference, published=published, spread=spread)
    inside = np.abs(difference) <= margin
    return replicated & ~inside, differs & inside


@dataclass(frozen=True)
class SeedsNeeded:
    """Seeds a game with which a verdict is reached in `WANTED_SHARE` of experiments; None: not with 100 either."""

    replicated: int | None
    differs: int | None


def seeds_needed(published: float, spread: float, published_runs: int | None, level: float) -> SeedsNeeded:
    """Find how many seeds make a verdict conclusive, by simulation with a fixed seed.

    Args:
        published: normalised score, in percent.
        spread: between-run standard deviation in normalised points, of both sides.
        published_runs: as for `draw_errors`.
        level: of the interval.

    Returns: for agents that are truly the same, and for agents `TRUE_DIFFERENCE_MARGINS` margins apart.
    """
    margin = max(MARGIN_POINTS, MARGIN_SHARE * abs(published))
    needed: list[int | None] = []
    for place, difference in enumerate((0.0, TRUE_DIFFERENCE_MARGINS * margin)):
        for seeds in SEED_COUNTS:
            errors = _errors(seeds, published_runs, level)
            words = verdict_words(
                errors, difference=np.array(difference), published=np.array(published), spread=np.array(spread)
            )
            if words[place].mean() >= WANTED_SHARE:
                needed.append(seeds)
                break
        else:
            needed.append(None)
    return SeedsNeeded(*needed)


@cache
def _errors(seeds: int, published_runs: int | None, level: float) -> Errors:
    """Draw errors in units of a game's spread; the same draws serve every game."""
    stream = np.random.default_rng([_SEED, seeds, published_runs or 0])
    return draw_errors(stream, (_REPLICATES,), seeds=seeds, published_runs=published_runs, level=level)


@dataclass(frozen=True)
class JudgedGames:
    """The comparisons of a table, as the simulation needs them, one entry a comparison.

    Attributes:
        published: float64 [comparisons], normalised score, percent.
        spreads: float64 [comparisons], between-run standard deviation in normalised points.
        published_runs: [comparisons], runs behind the published mean; None: one number.
    """

    published: Floats
    spreads: Floats
    published_runs: tuple[int | None, ...]


@dataclass(frozen=True)
class TableErrors:
    """Errors of simulated tables whose agents are all equally far apart, in margins.

    Attributes:
        replicated: share of comparisons with this verdict.
        differs: share of comparisons with this verdict.
        any_false_replicated: share of tables with a false `replicated` anywhere.
        any_false_differs: share of tables with a false `differs` anywhere.
        any_false: share of tables with either.
    """

    replicated: float
    differs: float
    any_false_replicated: float
    any_false_differs: float
    any_false: float


def simulate_table(
    games: JudgedGames, *, seeds: int, margins_apart: float, level: float, tables: int, stand_in_factor: float = 1.0
) -> TableErrors:
    """Judge many tables of known truth.

    Args:
        games: the comparisons.
        seeds: ours, of each game.
        margins_apart: true difference in margins of the true published score.
        level: of each interval.
        tables: how many are simulated, with a fixed seed.
        stand_in_factor: every stood-in spread over the true one.
    """
    stream = np.random.default_rng(_SEED)
    counts = {"replicated": 0.0, "differs": 0.0}
    false = [np.zeros(tables, dtype=np.bool_) for _ in range(2)]
    for runs in sorted(set(games.published_runs), key=lambda runs: runs or 0):
        here = np.array([each == runs for each in games.published_runs])
        published, spread = games.published[here], games.spreads[here]
        margin = np.maximum(MARGIN_POINTS, MARGIN_SHARE * np.abs(published))
        errors = draw_errors(
            stream,
            (tables, len(published)),
            seeds=seeds,
            published_runs=runs,
            level=level,
            stand_in_factor=stand_in_factor,
        )
        truth = {"difference": margins_apart * margin, "published": published, "spread": spread}
        replicated, differs, _ = verdict_words(errors, **truth)
        counts["replicated"] += float(replicated.sum())
        counts["differs"] += float(differs.sum())
        for place, found in enumerate(false_verdicts(errors, **truth)):
            false[place] |= found.any(axis=1)
    all_verdicts = tables * len(games.published)
    return TableErrors(
        counts["replicated"] / all_verdicts,
        counts["differs"] / all_verdicts,
        *(float(found.mean()) for found in (*false, false[0] | false[1])),
    )
