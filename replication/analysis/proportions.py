"""Intervals of a proportion, and of the difference of two, that hold near 0 and 1 too."""

from __future__ import annotations

import math

from scipy import special


def wilson_interval(successes: int, trials: int, level: float) -> tuple[float, float]:
    """Return the score interval of a proportion, within [0, 1].

    Source: Wilson 1927, Probable inference, the law of succession, and statistical inference, JASA 22.
    """
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"found {successes} successes of {trials} trials, expected as many trials, or more")
    z = float(special.ndtri(0.5 + level / 2))
    share = successes / trials
    middle = share + z * z / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    low, high = (middle - half) / (1 + z * z / trials), (middle + half) / (1 + z * z / trials)
    return 0.0 if successes == 0 else low, 1.0 if successes == trials else high


def newcombe_difference(
    successes: int, trials: int, other_successes: int, other_trials: int, level: float
) -> tuple[float, float, float]:
    """Return the difference of two independent proportions with its hybrid score interval.

    Returns: difference, low, high, of [-1, 1].
    Source: Newcombe 1998, Interval estimation for the difference between independent proportions, Statistics in
        Medicine 17, method 10.
    """
    low, high = wilson_interval(successes, trials, level)
    other_low, other_high = wilson_interval(other_successes, other_trials, level)
    one, other = successes / trials, other_successes / other_trials
    apart = one - other
    return apart, apart - math.hypot(one - low, other_high - other), apart + math.hypot(high - one, other - other_low)
