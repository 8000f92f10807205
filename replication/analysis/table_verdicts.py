"""A verdict on a whole table: our aggregate over games against the published one, on exactly its games.

d = our aggregate - the published one, in normalised points. Both are made by the same rule from the same games under
one protocol and budget, by the paper's own convention where it has one. Neither side's seeds are the other's, so the
error of d adds both. The error of a side is that of its aggregate when every run is drawn anew: a normal draw about
each game's mean with that game's standard deviation between runs (published where it was; else estimated from our
seeds; else Dopamine's coefficient of variation, flagged). Margin, interval and words are those of a game's verdict.

An aggregate says less than its games do: two tables of one median may differ in every game.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replication.analysis.aggregates import STATISTICS, Scores
from replication.analysis.intervals import Estimate

RESAMPLES = 2_000
_SEED = 20_210_830


@dataclass(frozen=True)
class Spreads:
    """The spread between the runs of each game.

    Attributes:
        deviations: float64 [games], standard deviation between runs in normalised points.
        runs: behind the aggregate, of each game.
        estimated_from: runs that each deviation was estimated from; None: it is stood in for, and taken as known.
    """

    deviations: NDArray[np.float64]
    runs: int
    estimated_from: int | None

    @property
    def degrees(self) -> float:
        """Degrees of freedom of a mean over the games, after Welch and Satterthwaite; infinite where stood in for."""
        if self.estimated_from is None:
            return math.inf
        variances = self.deviations**2
        fourth = float((variances**2).sum())
        return (self.estimated_from - 1) * float(variances.sum()) ** 2 / fourth if fourth > 0 else math.inf


def own_spreads(scores: Scores) -> Spreads | None:
    """Estimate spreads from a matrix [runs, games]; None for one run a game, or runs without any spread."""
    if len(scores) < 2 or not scores.std(axis=0).any():
        return None
    return Spreads(scores.std(axis=0, ddof=1), len(scores), len(scores))


def stand_in_spreads(
    normalized: Mapping[str, float], coefficients: Mapping[str, float | None], runs: int
) -> Spreads | None:
    """Derive spreads from the between-run coefficients of variation of the same games; None where no game has one.

    A game without (two of the 57 have no curve in Dopamine's data) gets the median of the others.
    """
    known = [value for value in coefficients.values() if value is not None]
    if not known:
        return None
    usual = float(np.median(known))
    filled = [usual if coefficients[game] is None else float(coefficients[game] or 0.0) for game in normalized]
    return Spreads(np.array(filled) * np.abs(list(normalized.values())), runs, None)


def aggregate_estimate(statistic: str, value: float, means: Sequence[float], spreads: Spreads) -> Estimate:
    """Return an aggregate with its standard error when every run is drawn anew; the draws have a fixed seed.

    Args:
        statistic: a name of `STATISTICS`.
        value: the aggregate itself, in percent.
        means: [games], mean normalised score of each game's runs, percent.
        spreads: of the same games.
    """
    return Estimate(value, aggregate_error(STATISTICS[statistic], means, spreads), spreads.degrees)


def aggregate_error(
    statistic: Callable[[Scores], Scores], means: Sequence[float], spreads: Spreads, resamples: int = RESAMPLES
) -> float:
    """Compute the standard deviation of a statistic over tables whose every run is drawn anew."""
    stream = np.random.default_rng([_SEED, spreads.runs, len(means)])
    noise = stream.standard_normal((resamples, spreads.runs, len(means)))
    return float(np.std(statistic(np.asarray(means) + spreads.deviations * noise), ddof=1))
