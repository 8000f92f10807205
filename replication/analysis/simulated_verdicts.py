"""Verdicts on simulated runs of known truth, by the tests of the rule itself.

Scores are in units of what the published agent truly learned: its true mean is 1, the floor 0, ours the true share. A
verdict is false where it says `replicated` with the true share a quarter or more from 1, or `differs` with it a quarter
or less. The rule promises at most 5 % of either for normal runs of one spread; `Scatter` says what else is tried.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from replication.analysis.share_tests import Floats, Quantities, Truths, quantities_of
from replication.analysis.verdict_conventions import MARGIN_SHARE, STAND_IN_DEGREES, Family

_SEED = 20_150_226


@dataclass(frozen=True)
class Scatter:
    """The law of runs about their true mean.

    ours_factor: standard deviation of our runs over that of the published ones. skewness: of both sides; 0: normal;
    else the shape of a log-normal of this skewness, mirrored where it is negative. never_learns: share of runs, of
    both sides, that end at the floor.
    """

    ours_factor: float = 1.0
    skewness: float = 0.0
    never_learns: float = 0.0


def log_normal_sigma(skewness: float) -> float:
    """Return the deviation of the logarithm with which a log-normal has a skewness above 0.

    With w = exp(sigma^2) its skewness is (w + 2) sqrt(w - 1).
    """
    w = optimize.brentq(lambda w: (w + 2.0) * math.sqrt(w - 1.0) - skewness, 1.0, 1e6)
    return math.sqrt(math.log(w))


def draw_standard(stream: np.random.Generator, shape: tuple[int, ...], scatter: Scatter) -> Floats:
    """Draw deviations of mean 0 and standard deviation 1; float64 of the shape."""
    normal = stream.standard_normal(shape)
    if scatter.skewness == 0:
        return normal
    sigma = log_normal_sigma(abs(scatter.skewness))
    upward = (np.exp(sigma * normal - sigma**2 / 2) - 1.0) / math.sqrt(math.expm1(sigma**2))
    return np.asarray(math.copysign(1.0, scatter.skewness) * upward)


@dataclass(frozen=True)
class DrawnRuns:
    """One side of many comparisons before its true mean and spread are known, so that one draw serves several.

    deviations: float64 [..., runs], of mean 0 and standard deviation 1. learned: bool of that shape, False where a run
    ends at the floor; None: all learn.
    """

    deviations: Floats
    learned: Truths | None

    def scores(self, mean: float, spread: Floats) -> tuple[Floats, Floats | None]:
        """Return mean and variance of each comparison's runs, float64 [...]; no variance of one run.

        Args:
            mean: true one of runs that learn.
            spread: float64 [...]: standard deviation of such runs.
        """
        scores = mean + self.deviations * spread[..., None]
        if self.learned is not None:
            scores = np.where(self.learned, scores, 0.0)
        one = scores.shape[-1] == 1
        return scores.mean(axis=-1), None if one else scores.var(axis=-1, ddof=1)


def draw_runs(stream: np.random.Generator, shape: tuple[int, ...], scatter: Scatter) -> DrawnRuns:
    """Draw runs; the last axis of the shape is theirs."""
    learned = stream.random(shape) >= scatter.never_learns if scatter.never_learns else None
    return DrawnRuns(draw_standard(stream, shape, scatter), learned)


def draw_comparisons(
    stream: np.random.Generator,
    spread: Floats,
    *,
    shares: Sequence[float],
    seeds: int,
    published_runs: int | None,
    scatter: Scatter,
) -> list[Quantities]:
    """Draw comparisons of known truth; the same draws serve every true share.

    Args:
        stream: owned by the caller.
        spread: float64 of the shape of the comparisons: true standard deviation between published runs, in units of
            what they truly learned.
        shares: true shares of what the published agent learned.
        seeds: ours.
        published_runs: behind the published mean, with their own spread; None: one number, whose spread is stood in
            for by that of three other runs.
        scatter: of the runs.

    Returns: for each share.
    """
    drawn = draw_runs(stream, (*spread.shape, seeds), scatter)
    published, variance = draw_runs(stream, (*spread.shape, published_runs or 1), scatter).scores(1.0, spread)
    if published_runs is None:
        _, variance = draw_runs(stream, (*spread.shape, STAND_IN_DEGREES + 1), scatter).scores(1.0, spread)
    assert variance is not None
    sides = [drawn.scores(share, scatter.ours_factor * spread) for share in shares]
    no_error = np.zeros(spread.shape)
    return [
        quantities_of(ours, seeds, ours_variance, published, variance, published_runs, no_error)
        for ours, ours_variance in sides
    ]


@dataclass(frozen=True)
class JudgedSides:
    """The comparisons of a table as the simulation needs them, one entry a comparison.

    spreads: float64 [comparisons], standard deviation between published runs, in units of what they learned.
    published_runs: [comparisons]; None: one number.
    """

    spreads: Floats
    published_runs: tuple[int | None, ...]


@dataclass(frozen=True)
class TableErrors:
    """Words and errors of simulated tables whose agents all have one true share.

    uninformative, replicated, differs: shares of comparisons with this word. any_false_replicated, any_false_differs:
    shares of tables with such an error anywhere; None where the word would be true.
    """

    share: float
    uninformative: float
    replicated: float
    differs: float
    any_false_replicated: float | None
    any_false_differs: float | None


def simulate_tables(
    sides: JudgedSides,
    family: Family,
    *,
    seeds: int,
    shares: Sequence[float],
    tables: int,
    scatter: Scatter,
) -> list[TableErrors]:
    """Judge many tables of known truth, with a fixed seed.

    Args:
        sides: the comparisons.
        family: of the table.
        seeds: ours, of each comparison.
        shares: true shares; all comparisons of a table have one.
        tables: how many are simulated.
        scatter: of the runs.

    Returns: for each share.
    """
    stream = np.random.default_rng([_SEED, seeds])
    words = np.zeros((len(shares), 3, tables))
    for runs in sorted(set(sides.published_runs), key=lambda runs: runs or 0):
        here = np.array([each == runs for each in sides.published_runs])
        spread = np.broadcast_to(sides.spreads[here], (tables, int(here.sum())))
        drawn = draw_comparisons(stream, spread, shares=shares, seeds=seeds, published_runs=runs, scatter=scatter)
        for place, quantities in enumerate(drawn):
            words[place] += [word.sum(axis=1) for word in quantities.words(family)]
    return [_errors(share, found, len(sides.spreads)) for share, found in zip(shares, words, strict=True)]


def _errors(share: float, words: Floats, comparisons: int) -> TableErrors:
    """Return the errors at a share from the counts of the three words; float64 [3, tables]."""
    uninformative, replicated, differs = (float(word.mean()) / comparisons for word in words)
    distance = abs(share - 1.0)
    return TableErrors(
        share,
        uninformative,
        replicated,
        differs,
        float((words[1] > 0).mean()) if distance >= MARGIN_SHARE else None,
        float((words[2] > 0).mean()) if distance <= MARGIN_SHARE else None,
    )
