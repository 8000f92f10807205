"""Aggregates of normalized scores over runs and games, with stratified bootstrap intervals.

Scores are matrices [..., runs, games]: leading axes are resamples, points of a curve, or none. Numbers are in percent,
100 is the human tester; games weigh the same, and the runs of a game are its training seeds, never its episodes.

Source: Agarwal et al. 2021, Deep reinforcement learning at the edge of the statistical precipice, NeurIPS, Section 4
(stratified bootstrap, performance profiles, aggregate metrics); google-research/rliable 3ccd9f4
rliable/metrics.py:20-95 and rliable/library.py:26-122, 287-298, with which these agree on the same matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from replication.foundation.errors import ReplicationError

Scores = NDArray[np.float64]

RESAMPLES = 2_000
LEVEL = 0.95
HUMAN_PERCENT = 100.0
_TRIMMED_SHARE = 0.25


def score_matrix(by_game: Mapping[str, Sequence[float]]) -> Scores:
    """Return the normalized scores of each game's runs as one matrix [runs, games], games in the order given.

    Raises:
        ReplicationError: no game, a game without a run, or games with unequal numbers of runs: the runs of an aggregate
            over runs and games must weigh the same.
    """
    counts = {game: len(scores) for game, scores in by_game.items()}
    if not counts or min(counts.values()) == 0:
        found = next((f"no run of {game}" for game, count in counts.items() if count == 0), "no game")
        raise ReplicationError(f"aggregate of scores: found {found}, expected at least one run of each game")
    if len(set(counts.values())) > 1:
        fewest, most = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
        raise ReplicationError(
            f"aggregate of scores: found {counts[fewest]} runs of {fewest} and {counts[most]} of {most}, expected "
            "equally many of each game; leave out runs, or games"
        )
    return np.array(list(by_game.values()), dtype=np.float64).T


def mean(scores: Scores) -> Scores:
    """Compute the mean over games of each game's mean over runs (rliable/metrics.py:20-30).

    Args:
        scores: float64 [..., runs, games].

    Returns: float64 [...].
    """
    return np.asarray(scores.mean(axis=-2).mean(axis=-1))


def median(scores: Scores) -> Scores:
    """Compute the median over games of each game's mean over runs (rliable/metrics.py:33-43).

    Args:
        scores: float64 [..., runs, games].

    Returns: float64 [...].
    """
    return np.asarray(np.median(scores.mean(axis=-2), axis=-1))


def interquartile_mean(scores: Scores) -> Scores:
    """Compute the mean of the middle half of all runs of all games (rliable/metrics.py:61-70).

    A quarter of the runs, rounded down, is cut off at either end, as scipy.stats.trim_mean does.

    Args:
        scores: float64 [..., runs, games].

    Returns: float64 [...].
    """
    together = np.sort(scores.reshape(*scores.shape[:-2], -1), axis=-1)
    cut = int(_TRIMMED_SHARE * together.shape[-1])
    return np.asarray(together[..., cut : together.shape[-1] - cut].mean(axis=-1))


def optimality_gap(scores: Scores, threshold: float = HUMAN_PERCENT) -> Scores:
    """Compute the mean distance of runs below a threshold; above it the distance is 0 (rliable/metrics.py:46-58).

    Args:
        scores: float64 [..., runs, games].
        threshold: in the unit of the scores; 100 percent is the human tester.

    Returns: float64 [...], 0 or more; less is better.
    """
    return np.asarray(threshold - np.minimum(scores, threshold).mean(axis=(-2, -1)))


STATISTICS: dict[str, Callable[[Scores], Scores]] = {
    "median": median,
    "interquartile mean": interquartile_mean,
    "mean": mean,
    "optimality gap": optimality_gap,
}
"""By the name people read, in the order of Agarwal et al. 2021, Figure 9 (rliable/README.md)."""


def performance_profile(scores: Scores, thresholds: NDArray[np.float64]) -> Scores:
    """Compute the share of all runs of all games that score above each threshold (rliable/library.py:287-289).

    Args:
        scores: float64 [..., runs, games].
        thresholds: float64 [points], in the unit of the scores.

    Returns: float64 [..., points], 0 to 1, never rising with the threshold.
    """
    together = scores.reshape(*scores.shape[:-2], -1)
    return np.stack([(together > threshold).mean(axis=-1) for threshold in thresholds], axis=-1)


def probability_of_improvement(ours: Scores, theirs: Scores) -> Scores:
    """Compute the chance that a run of one agent beats a run of another on a random game; a tie counts one half.

    On each game it is the Mann-Whitney U statistic over the number of pairs (rliable/metrics.py:73-95).

    Args:
        ours: float64 [..., runs, games].
        theirs: float64 [..., other runs, games], the same games in the same order.

    Returns: float64 [...], 0 to 1.
    """
    one, other = ours[..., :, np.newaxis, :], theirs[..., np.newaxis, :, :]
    return np.asarray(((one > other) + 0.5 * (one == other)).mean(axis=(-3, -2, -1)))


def efficiency_curve(statistic: Callable[[Scores], Scores], scores: Scores) -> Scores:
    """Compute a statistic at every point of training: a sample-efficiency curve.

    Args:
        statistic: one of `STATISTICS`.
        scores: float64 [..., runs, games, points].

    Returns: float64 [..., points].
    """
    by_point = np.moveaxis(scores, -1, 0)
    return np.moveaxis(statistic(by_point), 0, -1)


def resampled(scores: Scores, stream: np.random.Generator, resamples: int = RESAMPLES) -> Scores:
    """Draw stratified bootstrap resamples: for each game on its own as many runs as it has, with replacement.

    The games stay as they are: the seeds vary, not the choice of games (rliable/library.py:114-122, whose
    `task_bootstrap` is off there by default).

    Args:
        scores: float64 [runs, games], or [runs, games, points] for runs with several points each, kept together.
        stream: owned by the caller; the same seed gives the same resamples.
        resamples: how many.

    Returns: float64 [resamples, runs, games] or [resamples, runs, games, points].
    """
    runs, games = scores.shape[:2]
    drawn = stream.integers(runs, size=(resamples, runs, games))
    return scores[drawn, np.arange(games)]


def bootstrap_interval(resampled_statistic: Scores, level: float = LEVEL) -> tuple[Scores, Scores]:
    """Return the percentile interval of a statistic from its resamples.

    Few runs give too narrow an interval: resampling n runs knows only (n - 1) / n of their variance.

    Args:
        resampled_statistic: float64 [resamples, ...].
        level: such as 0.95.

    Returns: low and high, float64 [...] each.
    """
    tail = 50.0 * (1.0 - level)
    low, high = np.percentile(resampled_statistic, [tail, 100.0 - tail], axis=0)
    return low, high
