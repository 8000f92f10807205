"""Replicated, differs or inconclusive: our score against the published one, in normalised points.

The margin is 10 points or a quarter of the published normalised score, whichever is larger. The family-wise 95 %
interval of the difference inside the margin: replicated. Wholly outside it: differs. Else inconclusive. Where nothing
was published for this agent, protocol, game and budget: no reference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from replication.analysis.intervals import Estimate, difference_interval

LEVEL = 0.95
MARGIN_POINTS = 10.0
MARGIN_SHARE = 0.25

Word = Literal["replicated", "differs", "inconclusive", "no reference", "not run"]
"""`not run`: there is a reference, and no finished run yet."""


@dataclass(frozen=True)
class Verdict:
    """The word and the numbers it rests on, in normalised points; None where there is no reference."""

    word: Word
    reason: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    margin: float | None = None
    stand_in: bool = False
    """A spread that was not published, or cannot be estimated from one run, was stood in for."""


def margin_points(published_normalized: float) -> float:
    """Return the margin within which a score counts as the same, in normalised points."""
    return max(MARGIN_POINTS, MARGIN_SHARE * abs(published_normalized))


def verdict_word(low: float, high: float, margin: float) -> Literal["replicated", "differs", "inconclusive"]:
    """Return the verdict that an interval of a difference gives beside a margin in the same points."""
    if -margin <= low and high <= margin:
        return "replicated"
    return "differs" if low > margin or high < -margin else "inconclusive"


def no_reference(reason: str) -> Verdict:
    """Return the verdict where nothing was published to compare with, and why."""
    return Verdict("no reference", reason)


def judge(ours: Estimate, published: Estimate, level: float, *, stand_in: bool) -> Verdict:
    """Compare two means in normalised points.

    Args:
        ours: over our training seeds (for an agent that does not train, over its episodes).
        published: the same of the published number.
        level: of this interval; `family_level` of the table's.
        stand_in: whether a spread was stood in for.
    """
    apart, low, high = difference_interval(ours, published, level)
    margin = margin_points(published.mean)
    if not all(map(math.isfinite, (low, high))):
        raise ValueError(f"an interval needs finite errors, not {ours} and {published}")
    word = verdict_word(low, high, margin)
    reason = f"difference {apart:+z.1f} [{low:+z.1f}, {high:+z.1f}] normalised points, margin {margin:.1f}"
    if stand_in:
        reason += "; with a stand-in spread"
    return Verdict(word, reason, apart, low, high, margin, stand_in)
