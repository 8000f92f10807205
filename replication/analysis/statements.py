"""Statements of a text, tested: each with the probability that it is wrong, as far as the runs tell.

A statement is one or more comparisons that must all hold. A comparison is the estimate of a quantity that is above 0
where the statement is true. The chance that an estimate this far above 0 comes from a quantity that is not is the tail
of Student's distribution; of several comparisons the tails are added, which is at most too cautious.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special

from replication.analysis.intervals import LEVEL, Estimate
from replication.analysis.verdict_rule import Word


@dataclass(frozen=True)
class Statement:
    """What a text says, and the comparisons that it comes to here."""

    text: str
    source: str
    comparisons: tuple[Estimate, ...]
    """Each above 0 where the statement is true; none: its runs are not finished."""
    ours: str
    """What was found, in words with numbers."""

    @property
    def wrong(self) -> float:
        """Probability that it is wrong, at most 1: the sum over comparisons of the tail at and below 0."""
        return min(1.0, sum(map(_tail, self.comparisons)))

    @property
    def word(self) -> Word:
        """Replicated where it is wrong with at most 5 %; differs where its opposite is, at any one comparison."""
        if not self.comparisons:
            return "not run"
        if self.wrong <= 1.0 - LEVEL:
            return "replicated"
        opposite = min(_tail(_negated(each)) for each in self.comparisons) * len(self.comparisons)
        return "differs" if opposite <= 1.0 - LEVEL else "inconclusive"


def above(one: Estimate, other: Estimate) -> Estimate:
    """Return the estimate that is above 0 where the first mean is above the second; degrees as Welch has them."""
    parts = [side.standard_error**2 for side in (one, other)]
    error = math.sqrt(sum(parts))
    divisor = sum(part**2 / side.degrees for part, side in zip(parts, (one, other), strict=True))
    return Estimate(one.mean - other.mean, error, error**4 / divisor if divisor > 0.0 else math.inf)


def within(ours: Estimate, center: float, margin: float) -> tuple[Estimate, Estimate]:
    """Return the two estimates that are both above 0 where a mean lies within a margin of a number."""
    apart = ours.mean - center
    return tuple(  # type: ignore[return-value]
        Estimate(margin + side * apart, ours.standard_error, ours.degrees) for side in (1.0, -1.0)
    )


def probability_text(probability: float) -> str:
    """Write a probability of being wrong; below one in a million it is said to be that."""
    return "below 1e-6" if probability < 1e-6 else f"{probability:.2g}"


def lowest(comparisons: Sequence[Estimate]) -> Estimate:
    """Return the comparison with the least mean, the one that a statement of several rests on."""
    return min(comparisons, key=lambda each: each.mean)


def _tail(of: Estimate) -> float:
    if of.standard_error == 0.0:
        return 0.0 if of.mean > 0.0 else 1.0
    return float(special.stdtr(of.degrees, -(of.mean / of.standard_error)))


def _negated(of: Estimate) -> Estimate:
    return Estimate(-of.mean, of.standard_error, of.degrees)
