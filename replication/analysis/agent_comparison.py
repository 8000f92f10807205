"""Two agents of ours beside each other: the difference on a task, and how often a run of one beats a run of the other.

After Agarwal et al. 2021, Section 4.3, for the second; the first is Student's t over runs: paired where the seeds are
the same ones, Welch's where they are not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replication.analysis.aggregates import RESAMPLES
from replication.analysis.intervals import LEVEL, Estimate, estimate, family_level, interval

Scores = Mapping[int, float]
"""Score of each run of an agent, by seed."""


@dataclass(frozen=True)
class Difference:
    """The difference of two agents on one task: ours less theirs.

    Attributes:
        mean: of the scores.
        low, high: its interval; NaN where one of the two has a single run: nothing says how far its seeds scatter.
        ours_runs, theirs_runs: numbers of runs.
        paired: True where runs of equal seeds were set against each other.
        probability: that a run of ours beats one of theirs; a tie counts one half.
        word: "better", "worse", "not told apart", or "too few runs".
    """

    mean: float
    low: float
    high: float
    ours_runs: int
    theirs_runs: int
    paired: bool
    probability: float
    word: str


@dataclass(frozen=True)
class Improvement:
    """The probability that a run of ours beats one of theirs, over tasks, with its interval; the words are the same."""

    probability: float
    low: float
    high: float
    word: str


def difference(ours: Scores, theirs: Scores, comparisons: int = 1) -> Difference:
    """Compare two agents on one task.

    Args:
        ours: at least one run.
        theirs: at least one run.
        comparisons: how many of these intervals are to hold together with 95 %; each is that much wider.

    Returns: the difference; its word is "better" or "worse" where the interval leaves 0 out.
    """
    paired = set(ours) == set(theirs) and len(ours) > 1
    found = estimate([ours[seed] - theirs[seed] for seed in sorted(ours)]) if paired else _welch(ours, theirs)
    low, high = interval(found, family_level(LEVEL, comparisons)) if found else (math.nan, math.nan)
    mean = _mean(ours) - _mean(theirs)
    probability = float(_wins(_values(ours), _values(theirs)).mean())
    return Difference(mean, low, high, len(ours), len(theirs), paired, probability, _word(low, high, 0.0))


def improvement(pairs: Sequence[tuple[Scores, Scores]]) -> Improvement:
    """Compare two agents over tasks, each of which counts alike.

    Args:
        pairs: the runs of ours and of theirs on each task; at least one task.

    Returns: the mean over tasks of the probability, with the 95 % interval of a bootstrap that draws both agents' runs
        anew within each task: other seeds, the same tasks. NaN where an agent has a single run of a task.
    """
    values = [(_values(ours), _values(theirs)) for ours, theirs in pairs]
    probability = float(np.mean([_wins(one, other).mean() for one, other in values]))
    low = high = math.nan
    if all(min(len(one), len(other)) > 1 for one, other in values):
        stream = np.random.default_rng(0)
        drawn = [_resampled_wins(one, other, stream) for one, other in values]
        low, high = map(float, np.quantile(np.mean(drawn, axis=0), [(1.0 - LEVEL) / 2, (1.0 + LEVEL) / 2]))
    return Improvement(probability, low, high, _word(low, high, 0.5))


def _welch(ours: Scores, theirs: Scores) -> Estimate | None:
    """Estimate the difference of two means, each with its own spread; None where one of them has a single run."""
    if min(len(ours), len(theirs)) < 2:
        return None
    one, other = np.var(_values(ours), ddof=1) / len(ours), np.var(_values(theirs), ddof=1) / len(theirs)
    squares = one**2 / (len(ours) - 1) + other**2 / (len(theirs) - 1)
    degrees = float((one + other) ** 2 / squares) if squares else math.inf
    return Estimate(_mean(ours) - _mean(theirs), float(np.sqrt(one + other)), degrees)


def _wins(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Set every run of one against every run of the other, float64 [runs, other runs]: 1 won, 0 lost, 0.5 a tie."""
    left, right = one[:, np.newaxis], other[np.newaxis, :]
    return np.asarray((left > right) + 0.5 * (left == right))


def _resampled_wins(
    one: NDArray[np.float64], other: NDArray[np.float64], stream: np.random.Generator
) -> NDArray[np.float64]:
    """Draw both agents' runs anew and return the share of pairs won in each resample, float64 [resamples]."""
    ours, theirs = (
        stream.multinomial(len(values), np.full(len(values), 1 / len(values)), RESAMPLES) / len(values)
        for values in (one, other)
    )
    return np.asarray(((ours @ _wins(one, other)) * theirs).sum(axis=1))


def _word(low: float, high: float, equal: float) -> str:
    if math.isnan(low):
        return "too few runs"
    return "better" if low > equal else "worse" if high < equal else "not told apart"


def _values(scores: Scores) -> NDArray[np.float64]:
    return np.array([scores[seed] for seed in sorted(scores)], np.float64)


def _mean(scores: Scores) -> float:
    return float(np.mean(_values(scores)))
