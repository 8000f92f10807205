"""Intervals of means over independent values, and the level of several that hold together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

LEVEL = 0.95
"""Of the intervals that tables and figures show."""


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard error.

    degrees: degrees of freedom of the error; infinite where the standard deviation was not estimated from the values.
    """

    mean: float
    standard_error: float
    degrees: float


def estimate(values: Sequence[float]) -> Estimate | None:
    """Estimate a mean of independent values, its error from their own spread; None for fewer than two values."""
    if len(values) < 2:
        return None
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Estimate(float(np.mean(values)), error, len(values) - 1)


def interval(of: Estimate, level: float) -> tuple[float, float]:
    """Return the two-sided Student t interval of a mean at a level such as 0.95."""
    half = float(special.stdtrit(of.degrees, 0.5 + level / 2)) * of.standard_error
    return of.mean - half, of.mean + half


def family_level(level: float, comparisons: int) -> float:
    """Return the level of each of several intervals so that all hold together with at least `level` (Bonferroni).

    It asks nothing of the comparisons' dependence, and 49 of them widen an interval by two thirds.
    """
    return 1.0 - (1.0 - level) / max(1, comparisons)
