"""The rule of a verdict: what our agent learned beside what the published agent learned.

Learned is what a mean score lies above the floor: random play, or the policy before training, of the same source and
protocol. With a = ours over n seeds and b = the published one over k runs, a / b is the *share*: 1 is the published
agent, 0 is the floor. Scores are raw, signs are kept.

Half widths are those of separate variances, each with the Student quantile of its own degrees (Banerjee 1961):

    H(p, w)^2 = t(p, d_o)^2 v_o / n + w^2 t(p, d_p)^2 v_p / k + (1 - w)^2 z(p)^2 f^2

v_p: the published variance between runs, d_p = k - 1 degrees. v_o: ours, which borrows the published one at no more
than four degrees, d0 = min(k - 1, 4): v_o = (d0 v_p + (n - 1) v_s) / (d0 + n - 1) with d_o = d0 + n - 1, so that one
seed is no special case and a second seed never makes a verdict less likely. The published side borrows nothing, and a
published variance of 0 lends nothing. f: the standard error of the floor. Where no spread was published, the variance
of a like task takes the place of v_p with two degrees, and the published mean counts as one run.

The words, the first that holds:

1. `uninformative`: b <= H of b alone at 97.5 %: the published agent is not clearly above its floor. Still `differs`
   where two or more seeds of ours lie above it by more than the errors of both sides and a margin.
2. `replicated`: 0.75 b + H <= a <= 1.25 b - H, two one-sided tests at 5 % (Schuirmann 1987): the share lies within a
   quarter of 1.
3. `differs`: a > 1.25 b + H or a < 0.75 b - H at 2.5 % each. One run never says so among more than ten comparisons:
   where runs fail now and then, long tables would be full of it.
4. `inconclusive`.

The errors are shared out over M: the comparisons of a table times a factor for looking more than once (Bonferroni).
The interval of the share is that of a ratio (Fieller 1954), and holds the shares that the tests do not refuse.

A quarter, 5 %, 2.5 %, 97.5 % and four degrees are conventions: verdict_conventions.py.

Sources: Schuirmann 1987, A comparison of the two one-sided tests procedure and the power approach, J. Pharmacokinetics
    and Biopharmaceutics 15. Banerjee 1961, On confidence interval for two-means problem based on separate estimates of
    variances and tabulated values of t, Sankhya A 23. Fieller 1954, Some problems in interval estimation, JRSS B 16.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from replication.analysis.share_tests import Quantities, quantities_of
from replication.analysis.verdict_conventions import MARGIN_SHARE, Family

Word = Literal["replicated", "differs", "consistent", "inconclusive", "uninformative", "no reference", "not run"]
"""`consistent`: agents that learn nothing and two-point outcomes. `not run`: there is a reference, no finished run."""


@dataclass(frozen=True)
class Runs:
    """One side of a comparison.

    mean: raw score over the runs, less the floor. count: runs. variance: between the runs (divisor count - 1), in
    squared raw score; None where it is not known, as of one run.
    """

    mean: float
    count: int
    variance: float | None


@dataclass(frozen=True)
class Comparison:
    """Our runs beside published ones.

    ours, published: means above the same floor. floor_error: f, standard error of that floor, raw score; 0 where it is
    not known. stand_in_variance: of a like task after as much training, where no spread was published; None else.

    Raises:
        ValueError: a number that is not finite or is negative, a variance that is missing or of one run, a stand-in
            beside a published variance or of 0 (which says nothing: there is none then).
    """

    ours: Runs
    published: Runs
    floor_error: float
    stand_in_variance: float | None

    def __post_init__(self) -> None:
        for name, side in (("ours", self.ours), ("published", self.published)):
            if not (math.isfinite(side.mean) and side.count >= 1):
                raise ValueError(f"{name}: found {side}, expected a finite mean of one run or more")
            if side.variance is not None and not (math.isfinite(side.variance) and side.variance >= 0):
                raise ValueError(f"{name}: found variance {side.variance}, expected a finite one of at least 0")
            if side.count == 1 and side.variance is not None:
                raise ValueError(f"{name}: found variance {side.variance} of one run, expected None")
        if self.ours.count > 1 and self.ours.variance is None:
            raise ValueError(f"ours: found no variance of {self.ours.count} runs, expected one")
        if not (math.isfinite(self.floor_error) and self.floor_error >= 0):
            raise ValueError(f"floor_error: found {self.floor_error}, expected a finite number of at least 0")
        if self.stand_in_variance is not None:
            if self.published.variance is not None:
                raise ValueError("stand_in_variance: found one beside a published variance, expected None")
            if not (math.isfinite(self.stand_in_variance) and self.stand_in_variance > 0):
                raise ValueError(f"stand_in_variance: found {self.stand_in_variance}, expected one above 0, or None")

    @property
    def has_spread(self) -> bool:
        """True where the published side has a variance, its own or one that stands in; else nothing can be judged."""
        return self.published.variance is not None or self.stand_in_variance is not None

    @cached_property
    def quantities(self) -> Quantities:
        """What the tests are made of.

        Raises:
            ValueError: no published spread and none that stands in.
        """
        stands_in = self.published.variance is None
        variance = self.stand_in_variance if stands_in else self.published.variance
        if variance is None:
            raise ValueError("published: found no variance and no stand-in, expected one of them")
        return quantities_of(
            np.asarray(self.ours.mean),
            self.ours.count,
            None if self.ours.variance is None else np.asarray(self.ours.variance),
            np.asarray(self.published.mean),
            np.asarray(variance),
            None if stands_in else self.published.count,
            np.asarray(self.floor_error),
        )

    @property
    def informative(self) -> bool:
        """True where the published agent is clearly above its floor, so that the comparison counts in its family."""
        return self.has_spread and not bool(self.quantities.uninformative())

    def half_width(self, p: float, w: float) -> float:
        """Return H(p, w): half the interval of a - w b, raw score, at one-sided level p."""
        return float(self.quantities.half_width(p, w))

    def share_interval(self, p: float) -> tuple[float, float] | None:
        """Return the shares w with |a - w b| <= H(p, w); None where they are no finite interval."""
        a, b = self.ours.mean, self.published.mean
        ours, published, floor = map(float, self.quantities.squares(p))
        if not math.isfinite(ours):
            return None
        q2, q1, q0 = b * b - published - floor, a * b - floor, a * a - ours - floor
        if q2 <= 0:
            return None
        root = math.sqrt(max(0.0, q1 * q1 - q2 * q0))
        return (q1 - root) / q2, (q1 + root) / q2

    def too_few_published(self, family: Family) -> bool:
        """Return whether no number of seeds of ours can replicate: the published error alone fills the margin."""
        _, published, _ = self.quantities.squares(family.replicated_level)
        return MARGIN_SHARE * self.published.mean <= (1.0 + MARGIN_SHARE) * math.sqrt(float(published))

    def floor_too_uncertain(self, family: Family) -> bool:
        """Return whether the same holds with the error of the floor, of which no seed of ours takes anything away."""
        _, published, floor = map(float, self.quantities.squares(family.replicated_level))
        upper = (1.0 + MARGIN_SHARE) ** 2 * published + MARGIN_SHARE**2 * floor
        return MARGIN_SHARE * self.published.mean <= math.sqrt(upper)


@dataclass(frozen=True)
class Verdict:
    """The word, why, and the numbers beside it; None where they do not exist.

    reason: one plain sentence. share: a / b, with its interval at the level of `replicated` (`share_low`,
    `share_high`) and at that of `differs` (`_wide`); no interval where it is not finite. difference: a - b, raw score,
    with its interval at the level of `differs`. more_seeds_can_decide: of an inconclusive comparison; None else.
    stand_in: the published variance is stood in for.
    """

    word: Word
    reason: str
    share: float | None = None
    share_low: float | None = None
    share_high: float | None = None
    share_low_wide: float | None = None
    share_high_wide: float | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    more_seeds_can_decide: bool | None = None
    stand_in: bool = False


def no_reference(reason: str) -> Verdict:
    """Return the verdict where nothing was published to compare with, and why."""
    return Verdict("no reference", reason)


def not_run() -> Verdict:
    """Return the verdict where there is a reference and no finished run yet."""
    return Verdict("not run", "no run is finished")


def judge(comparison: Comparison, family: Family, *, uninformative_margin: float | None = None) -> Verdict:
    """Judge our runs beside the published ones.

    Args:
        comparison: of one cell.
        family: of its table.
        uninformative_margin: raw score by which ours must exceed an uninformative published agent, beyond the errors of
            both, to differ: a quarter of the smallest b of the task's informative rows, else one standard deviation of
            the floor's episodes; None: such a row never differs.

    Returns: `no reference` for one published number without a stand-in.
    """
    if not comparison.has_spread:
        return no_reference("one number was published, and no spread between runs is known that could stand in for its")
    word, reason, more = _word(comparison, family, uninformative_margin)
    a, b = comparison.ours.mean, comparison.published.mean
    low, high = comparison.share_interval(family.replicated_level) or (None, None)
    low_wide, high_wide = comparison.share_interval(family.differs_level) or (None, None)
    half = comparison.half_width(family.differs_level, 1.0)
    finite = math.isfinite(half)
    return Verdict(
        word,
        reason,
        share=a / b if b else None,
        share_low=low,
        share_high=high,
        share_low_wide=low_wide,
        share_high_wide=high_wide,
        difference=a - b,
        difference_low=a - b - half if finite else None,
        difference_high=a - b + half if finite else None,
        more_seeds_can_decide=more,
        stand_in=comparison.published.variance is None,
    )


def _word(comparison: Comparison, family: Family, uninformative_margin: float | None) -> tuple[Word, str, bool | None]:
    """Return the word, its reason and whether more seeds can decide."""
    quantities, published = comparison.quantities, comparison.published
    uninformative, replicated, differs = map(bool, quantities.words(family))
    if uninformative:
        if comparison.ours.count > 1 and uninformative_margin is not None:
            errors = comparison.half_width(family.differs_level, 1.0)
            if comparison.ours.mean - published.mean > errors + uninformative_margin:
                return "differs", "the published agent is not clearly above its floor, and ours learned", None
        return "uninformative", "the published agent is not clearly above its floor by its own spread", None
    if replicated:
        return "replicated", f"both one-sided tests find the share within {MARGIN_SHARE:.0%} of 1", None
    if differs:
        return "differs", f"a one-sided test finds the share outside {MARGIN_SHARE:.0%} of 1", None
    if bool(quantities.outside(family.differs_level)):
        return "inconclusive", "one run, outside; a second decides", True
    if comparison.too_few_published(family):
        stands_in = published.variance is None
        few = "one number with a stand-in spread is" if stands_in else f"{published.count} published runs are"
        return "inconclusive", f"no number of seeds can: {few} too few", False
    if comparison.floor_too_uncertain(family):
        return "inconclusive", "no number of seeds can: the floor is too uncertain", False
    return "inconclusive", "more seeds can decide", True
