"""The error of an aggregate over games: its spread when every run is drawn anew.

A run is a normal draw about its game's mean with that game's standard deviation between runs: published where it was,
else estimated from our seeds, else a coefficient of variation that stands in. Times the runs a game, the square of the
error is the variance between aggregates of single runs, by which an aggregate is judged as a game's score is.

An aggregate says less than its games do: two tables of one median may differ in every game.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replication.analysis.aggregates import Scores

RESAMPLES = 2_000
_SEED = 20_210_830


@dataclass(frozen=True)
class Spreads:
    """The spread between the runs of each game.

    Attributes:
        deviations: float64 [games], standard deviation between runs in normalized points.
        runs: behind the aggregate, of each game.
    """

    deviations: NDArray[np.float64]
    runs: int


def own_spreads(scores: Scores) -> Spreads | None:
    """Estimate spreads from a matrix [runs, games]; None for one run a game."""
    if len(scores) < 2:
        return None
    return Spreads(scores.std(axis=0, ddof=1), len(scores))


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
    return Spreads(np.array(filled) * np.abs(list(normalized.values())), runs)


def aggregate_error(
    statistic: Callable[[Scores], Scores], means: Sequence[float], spreads: Spreads, resamples: int = RESAMPLES
) -> float:
    """Compute the standard deviation of a statistic over tables whose every run is drawn anew."""
    stream = np.random.default_rng([_SEED, spreads.runs, len(means)])
    noise = stream.standard_normal((resamples, spreads.runs, len(means)))
    return float(np.std(statistic(np.asarray(means) + spreads.deviations * noise), ddof=1))
