"""Intervals of means over independent values, and of differences of two means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard error.

    degrees: degrees of freedom of the error; infinite where the standard deviation was not estimated from the values.
    """

    mean: float
    standard_error: float
    degrees: float


def estimate(values: Sequence[float]) -> Estimate | None:
    """Mean of independent values with the error their own spread gives; None for fewer than two values."""
    if len(values) < 2:
        return None
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Estimate(float(np.mean(values)), error, len(values) - 1)


def interval(of: Estimate, level: float) -> tuple[float, float]:
    """Two-sided Student t interval of a mean at a level such as 0.95."""
    half = float(stats.t.ppf(0.5 + level / 2, of.degrees)) * of.standard_error
    return of.mean - half, of.mean + half


def difference(one: Estimate, other: Estimate) -> Estimate:
    """Difference of independent means; the degrees of freedom are Welch and Satterthwaite's."""
    variances = one.standard_error**2, other.standard_error**2
    total = sum(variances)
    spread = sum(v**2 / d for v, d in zip(variances, (one.degrees, other.degrees), strict=True))
    degrees = total**2 / spread if spread > 0 else math.inf
    return Estimate(one.mean - other.mean, math.sqrt(total), degrees)


def family_level(level: float, comparisons: int) -> float:
    """Level of each of several intervals so that all hold together with at least `level` (Bonferroni).

    It asks nothing of the comparisons' dependence, and 49 of them widen an interval by two thirds.
    """
    return 1.0 - (1.0 - level) / max(1, comparisons)
