"""The tests behind a verdict, for one comparison or for arrays of them; the rule they make is in verdict_rule.py."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from replication.analysis.verdict_conventions import (
    INFORMATIVE_LEVEL,
    LENT_DEGREES,
    MARGIN_SHARE,
    ONE_RUN_COMPARISONS,
    STAND_IN_DEGREES,
    Family,
)

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]


def student_quantile(p: float, degrees: Floats) -> Floats:
    """Return the Student quantile t(p, degrees), of the shape of the degrees; infinite at 0 degrees."""
    if degrees.size and (degrees == degrees.flat[0]).all():  # as nearly always; the search below is slow
        return np.full(degrees.shape, special.stdtrit(degrees.flat[0], p) if degrees.flat[0] > 0 else math.inf)
    values, places = np.unique(degrees, return_inverse=True)
    found = np.array([special.stdtrit(each, p) if each > 0 else math.inf for each in values])
    return found[places].reshape(np.shape(degrees))


@dataclass(frozen=True)
class Quantities:
    """The quantities of one comparison, or of many: float64 arrays of one shape.

    ours, published: a and b, raw scores above the floor. ours_error, published_error: squared standard errors v_o / n
    and v_p / k. ours_degrees, published_degrees: of these. floor_error: f, raw score. seeds: n, of every comparison.
    """

    ours: Floats
    published: Floats
    ours_error: Floats
    ours_degrees: Floats
    published_error: Floats
    published_degrees: Floats
    floor_error: Floats
    seeds: int

    def squares(self, p: float) -> tuple[Floats, Floats, Floats]:
        """Return the three terms of H(p, w)^2 without w: ours, published, floor."""
        # Without a degree of freedom nothing is known of our error, zero as it may look.
        known = self.ours_degrees > 0
        quantile = student_quantile(p, np.where(known, self.ours_degrees, 1.0))
        ours = np.where(known, quantile**2 * self.ours_error, math.inf)
        published = student_quantile(p, self.published_degrees) ** 2 * self.published_error
        return ours, published, (special.ndtri(p) * self.floor_error) ** 2

    def half_width(self, p: float, w: float) -> Floats:
        """Return H(p, w): half the interval of a - w b, raw score, p being one-sided."""
        ours, published, floor = self.squares(p)
        return np.asarray(np.sqrt(ours + w**2 * published + (1.0 - w) ** 2 * floor))

    def uninformative(self) -> Truths:
        """Return where the published agent is not clearly above its floor."""
        _, published, floor = self.squares(INFORMATIVE_LEVEL)
        return np.asarray(self.published <= np.sqrt(published + floor))

    def replicated(self, p: float) -> Truths:
        """Return where both one-sided tests at level p find the share within the margin, informative or not."""
        low, high = 1.0 - MARGIN_SHARE, 1.0 + MARGIN_SHARE
        above = self.ours - low * self.published >= self.half_width(p, low)
        return np.asarray(above & (high * self.published - self.ours >= self.half_width(p, high)))

    def outside(self, p: float) -> Truths:
        """Return where a one-sided test at level p finds the share outside the margin, informative or not."""
        low, high = 1.0 - MARGIN_SHARE, 1.0 + MARGIN_SHARE
        above = self.ours - high * self.published > self.half_width(p, high)
        return np.asarray(above | (low * self.published - self.ours > self.half_width(p, low)))

    def words(self, family: Family) -> tuple[Truths, Truths, Truths]:
        """Return where each word of items 1 to 3 is said: uninformative, replicated, differs."""
        nothing = self.uninformative()
        replicated = ~nothing & self.replicated(family.replicated_level)
        differs = ~nothing & ~replicated & self.outside(family.differs_level)
        if self.seeds == 1 and family.comparisons > ONE_RUN_COMPARISONS:
            differs = np.zeros_like(differs)
        return nothing, replicated, differs


def quantities_of(
    ours: Floats,
    seeds: int,
    ours_variance: Floats | None,
    published: Floats,
    published_variance: Floats,
    published_runs: int | None,
    floor_error: Floats,
) -> Quantities:
    """Return the quantities of comparisons of equal numbers of runs; our variance borrows from the published one.

    Args:
        ours: a, float64 of the shape of all the others, raw scores above the floor.
        seeds: n.
        ours_variance: v_s; None for one seed.
        published: b.
        published_variance: v_p, or what stands in for it.
        published_runs: k; None where the variance stands in: the published mean then counts as one run.
        floor_error: f.
    """
    published_degrees = STAND_IN_DEGREES if published_runs is None else published_runs - 1
    lent = np.where(published_variance > 0, float(min(published_degrees, LENT_DEGREES)), 0.0)
    degrees = lent + (seeds - 1)
    own = 0.0 if ours_variance is None else (seeds - 1) * ours_variance
    pooled = (lent * published_variance + own) / np.maximum(degrees, 1.0)
    return Quantities(
        ours,
        published,
        np.asarray(pooled / seeds),
        np.asarray(degrees),
        np.asarray(published_variance / (published_runs or 1)),
        np.full(np.shape(published_variance), float(published_degrees)),
        floor_error,
        seeds,
    )
