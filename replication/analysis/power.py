"""How often verdicts are right: simulated seeds of known truth, judged as the score table judges real ones.

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
"""How many margins apart agents are that should be found to differ."""
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
    """Draw what `judge` is given, many times.

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
    variances, degrees = [], []
    for count in (seeds if seeds > 1 else None, published_runs):
        known = count is None
        squares = stand_in_factor**2 if count is None else stream.chisquare(count - 1, shape) / (count - 1)
        variances.append(np.broadcast_to(np.asarray(squares, np.float64), shape) / (count or 1))
        degrees.append(math.inf if known else float((count or 2) - 1))
    total = variances[0] + variances[1]
    spread = sum(v**2 / d for v, d in zip(variances, degrees, strict=True))
    if all(map(math.isinf, degrees)):
        quantile: Floats = np.full(shape, stats.norm.ppf(0.5 + level / 2))
    else:
        quantile = stats.t.ppf(0.5 + level / 2, total**2 / spread)
    return Errors(ours - published, published, quantile * np.sqrt(total))


def verdict_words(
    errors: Errors, *, difference: Floats, published: Floats, spread: Floats
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], Floats]:
    """What `verdicts.judge` says of each draw.

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
    """Which draws give a false `replicated`, and which a false `differs`; arguments as for `verdict_words`."""
    replicated, differs, margin = verdict_words(errors, difference=difference, published=published, spread=spread)
    inside = np.abs(difference) <= margin
    return replicated & ~inside, differs & inside


@dataclass(frozen=True)
class SeedsNeeded:
    """Seeds a game with which a verdict is reached in `WANTED_SHARE` of experiments; None: not with 100 either."""

    replicated: int | None
    differs: int | None


def seeds_needed(published: float, spread: float, published_runs: int | None, level: float) -> SeedsNeeded:
    """How many seeds make a verdict conclusive, by simulation with a fixed seed.

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
    """The same draws for every game: they are in units of its spread."""
    stream = np.random.default_rng([_SEED, seeds, published_runs or 0])
    return draw_errors(stream, (_REPLICATES,), seeds=seeds, published_runs=published_runs, level=level)
