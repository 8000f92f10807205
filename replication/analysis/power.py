"""Seeds that a verdict needs: the chance of each word beside the published runs as they are.

Cells are often chosen because their published runs lie close together, and then the runs that come lie further apart:
a variance estimated from few runs is small most often by luck. So the true variance is not the published one but drawn
about it, v d / chi-square(d) with

    v = ((k - 1) v_p + (0.1 b)^2) / k,   d = k

(one further run's worth of a spread of a tenth), and the true mean is drawn about the published one, b + N(0, v_true /
k). Our runs then scatter about the true share of that mean. A stand-in variance counts as of three runs, its mean as of
one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from replication.analysis.share_tests import Floats, quantities_of
from replication.analysis.verdict_conventions import STAND_IN_DEGREES, Family
from replication.analysis.verdict_rule import Comparison

SEED_COUNTS = (1, 2, 3, 5, 10, 20, 50, 100)
"""Numbers of seeds a cell that are tried."""
WANTED_CHANCE = 0.8
HALF = 0.5
"""The share of an agent that should be found to differ: it learned half."""
USUAL_SPREAD = 0.1
"""A standard deviation between runs over what was learned, which weighs as one run in the planned variance."""
_DRAWS = 4_000
_SEED = 20_150_226


@dataclass(frozen=True)
class PublishedSide:
    """The published side of a comparison, known before any run of ours.

    mean: b, raw score above the floor. variance: between runs, published or stood in for. runs: k; None where the
    variance is stood in for. floor_error: f, raw score.
    """

    mean: float
    variance: float
    runs: int | None
    floor_error: float


def published_side(comparison: Comparison) -> PublishedSide | None:
    """Return the published side of a comparison, whatever ours is; None where no spread is known."""
    published, stand_in = comparison.published, comparison.stand_in_variance
    if published.variance is not None:
        return PublishedSide(published.mean, published.variance, published.count, comparison.floor_error)
    return None if stand_in is None else PublishedSide(published.mean, stand_in, None, comparison.floor_error)


@dataclass(frozen=True)
class Chances:
    """The share of experiments with each word; what is missing to 1 is `inconclusive`."""

    uninformative: float
    replicated: float
    differs: float


def chances(published: PublishedSide, seeds: int, family: Family, share: float = 1.0) -> Chances:
    """Compute the chance of each word before our runs are there, by simulation with a fixed seed.

    Args:
        published: the other side.
        seeds: ours.
        family: of the table.
        share: true share of what the published agent truly learned.
    """
    b, k = published.mean, published.runs or 1
    degrees = STAND_IN_DEGREES if published.runs is None else published.runs - 1
    planned = (degrees * published.variance + (USUAL_SPREAD * b) ** 2) / (degrees + 1)
    scale, of_mean, of_ours, of_spread = _draws(degrees + 1, seeds)
    true_variance = planned * scale
    true_mean = b + np.sqrt(true_variance / k) * of_mean
    ours = share * true_mean + np.sqrt(true_variance / seeds) * of_ours
    words = quantities_of(
        ours,
        seeds,
        None if of_spread is None else true_variance * of_spread,
        np.asarray(b),
        np.asarray(published.variance),
        published.runs,
        np.asarray(published.floor_error),
    ).words(family)
    return Chances(*(float(word.mean()) for word in words))


@cache
def _draws(planned_degrees: int, seeds: int) -> tuple[Floats, Floats, Floats, Floats | None]:
    """Draw what every cell of as many runs shares; each float64 [draws].

    Returns: the true variance over the planned one; a normal of the published mean, and one of ours; our variance over
        the true one (None: one seed).
    """
    stream = np.random.default_rng([_SEED, planned_degrees, seeds])
    scale = planned_degrees / stream.chisquare(planned_degrees, _DRAWS)
    of_mean, of_ours = stream.standard_normal((2, _DRAWS))
    return scale, of_mean, of_ours, stream.chisquare(seeds - 1, _DRAWS) / (seeds - 1) if seeds > 1 else None


@dataclass(frozen=True)
class SeedsNeeded:
    """The least of `SEED_COUNTS` with which a word comes in `WANTED_CHANCE` of experiments; None: with none of them.

    replicated: where the agents are truly the same. differs_half, differs_floor: where ours learned half, or nothing.
    chance_of_one: that one seed is `replicated` where the agents are the same.
    """

    replicated: int | None
    differs_half: int | None
    differs_floor: int | None
    chance_of_one: float


def seeds_needed(published: PublishedSide, family: Family) -> SeedsNeeded:
    """Find how many seeds decide a comparison, by `chances`."""

    def reached(word: str, share: float, seeds: int) -> bool:
        return bool(getattr(chances(published, seeds, family, share), word) >= WANTED_CHANCE)

    def least(word: str, share: float) -> int | None:
        if not reached(word, share, SEED_COUNTS[-1]):
            return None
        return next(seeds for seeds in SEED_COUNTS if reached(word, share, seeds))

    return SeedsNeeded(
        least("replicated", 1.0),
        least("differs", HALF),
        least("differs", 0.0),
        chances(published, 1, family).replicated,
    )
