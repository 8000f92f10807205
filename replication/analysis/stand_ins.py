"""How far off a stood-in spread may be before the word of a verdict changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from replication.analysis.verdict_conventions import Family
from replication.analysis.verdict_rule import Comparison, judge

_STEPS_A_DECADE = 12
_MOST_STEPS = 12


def factors_that_keep_the_word(comparison: Comparison, family: Family) -> tuple[float, float]:
    """Return between which multiples of the stood-in standard deviation the word stays what it is.

    Args:
        comparison: with a stand-in.
        family: of its table.

    Returns: least and greatest multiple; of 12 steps a decade, a tenth and ten times at most: there it was not tried
        further.
    """
    word = judge(comparison, family).word
    assert comparison.stand_in_variance is not None
    variance = comparison.stand_in_variance

    def stays(factor: float) -> bool:
        return judge(replace(comparison, stand_in_variance=factor**2 * variance), family).word == word

    def last(factors: Iterator[float]) -> float:
        kept = 1.0
        for factor in factors:
            if not stays(factor):
                break
            kept = factor
        return kept

    powers = range(1, _MOST_STEPS + 1)
    low = last(10 ** (-step / _STEPS_A_DECADE) for step in powers)
    return low, last(10 ** (step / _STEPS_A_DECADE) for step in powers)
