"""The difference that a verdict rests on, with the interval and the margin by which it was judged, in raw points.

The rule judges shares (verdict_rule.py); a reader asks by how many points. With b what the published agent learned
above the floor, a share w is a difference of (w - 1) b, and the margin of a quarter is b / 4 points on either side:
the interval lies within the margin exactly where the word is `replicated`.
"""

from __future__ import annotations

from dataclasses import dataclass

from replication.analysis.random_play import RandomPlay
from replication.analysis.verdict_conventions import MARGIN_SHARE
from replication.analysis.verdict_rule import Verdict


@dataclass(frozen=True)
class JudgedDifference:
    """Ours less the published score, raw points; None where a number does not exist.

    value: the difference. low, high: its interval at the level of `replicated`, or of the one test there is. low_wide,
    high_wide: at the level of `differs`. margin: how far from 0 it may lie; of agents that learn nothing, the
    difference that would be found in 95 of 100 experiments.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    low_wide: float | None = None
    high_wide: float | None = None
    margin: float | None = None

    @property
    def in_margins(self) -> tuple[float, float, float, float, float] | None:
        """The difference and its two intervals, (value, low, high, low_wide, high_wide), in units of the margin.

        None without a margin; NaN for a bound that does not exist.
        """
        if self.value is None or not self.margin:
            return None
        given = (self.value, self.low, self.high, self.low_wide, self.high_wide)
        value, low, high, low_wide, high_wide = (
            float("nan") if number is None else number / self.margin for number in given
        )
        return value, low, high, low_wide, high_wide

    def by_column(self) -> dict[str, float | None]:
        """Return interval and margin as columns of a score table."""
        return {
            "judged_low": self.low,
            "judged_high": self.high,
            "judged_low_wide": self.low_wide,
            "judged_high_wide": self.high_wide,
            "margin": self.margin,
        }


def judged_difference(verdict: Verdict, published_learned: float) -> JudgedDifference:
    """Return the difference of an agent that trains.

    Args:
        verdict: of its cell.
        published_learned: b, the published score above the floor, raw points.
    """
    if verdict.word == "uninformative" or published_learned <= 0:
        # A quarter of what is not clearly above the floor is no margin; the plain difference is what is tested.
        bounds = (verdict.difference_low, verdict.difference_high)
        return JudgedDifference(verdict.difference, *bounds, *bounds)
    low, high, low_wide, high_wide = (
        None if share is None else (share - 1.0) * published_learned
        for share in (verdict.share_low, verdict.share_high, verdict.share_low_wide, verdict.share_high_wide)
    )
    margin = None if verdict.share is None else MARGIN_SHARE * published_learned
    return JudgedDifference(verdict.difference, low, high, low_wide, high_wide, margin)


def difference_of_episodes(here: RandomPlay, published_mean: float) -> JudgedDifference:
    """Return the difference of an agent that learns nothing, judged by its episodes.

    Args:
        here: its test.
        published_mean: raw return.
    """
    low, high = here.interval or (None, None)
    return JudgedDifference(here.mean - published_mean, low, high, low, high, here.detectable)
