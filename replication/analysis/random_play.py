"""Agents that learn nothing, such as random play: `consistent` with the published mean, or `differs`.

Nothing is learned, so no share exists. The unit is the episode; of the published episodes only the mean is known, and
both sides play the same game, so the deviation of our N episodes serves both:

    z = (our mean - published mean) / (s sqrt(1 / N + 1 / n_published))

Returns are skewed and few-valued, so the law of z is found by a bootstrap: N and n_published of our own episodes are
drawn with replacement, and z* is made of their difference with the drawn N's own deviation (Efron and Tibshirani 1993,
An Introduction to the Bootstrap, chapter 16). p = 2 min(share of z* >= z, share of z* <= z). A permutation is not
possible: the published episodes are not known. With fewer than 300 episodes of ours over many games the tails of z*
are too short.

A whole table: S = the sum over games of min(z^2, 25) beside the same draws. No game decides it alone, and many small
differences in one table are found that no game shows by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from replication.analysis.verdict_conventions import NOTHING_LEARNED_ERROR

Floats = NDArray[np.float64]

DRAWS = 20_000
ENOUGH_EPISODES = 300
"""Of ours, with which the errors of a table of 49 games hold."""
LARGEST_SQUARE = 25.0
"""Of z, in the sum over a table."""
FOUND_SHARE = 0.95
"""Of experiments in which the detectable difference would be found."""
_CHUNK = 1_000
_IN_CACHE_NUMBERS = 32_768
"""Of episodes drawn at a time, about: these and their places are then read and written in a core's own cache."""


@dataclass(frozen=True)
class RandomPlay:
    """A game's episodes beside a published mean.

    mean: of our episodes, raw return. episodes: of ours. z: our mean less the published one, in standard errors;
    infinite where all our episodes are equal and the published mean is another. p: two-sided, of this game alone.
    detectable: raw return by which agents must differ to be told apart in 95 of 100 experiments. null: float64
    [draws], z where the agents are the same. interval: of our mean less the published one, raw return, at the level of
    the test: without 0 exactly where the word is `differs`; None where draws without spread leave no finite one.
    """

    mean: float
    episodes: int
    z: float
    p: float
    word: Literal["consistent", "differs"]
    detectable: float
    null: Floats
    interval: tuple[float, float] | None


def compare_game(
    ours: Sequence[float],
    published_mean: float,
    published_episodes: int,
    comparisons: int,
    stream: np.random.Generator,
    *,
    rounding: float = 0.0,
) -> RandomPlay:
    """Compare our episodes with the published mean of a game.

    Args:
        ours: raw return of each episode, two or more.
        published_mean: raw return.
        published_episodes: how many it is the mean of.
        comparisons: judged games of the table.
        stream: owned by the caller.
        rounding: half a unit of the published mean's last digit, raw return; counts where all our episodes are equal.

    Raises:
        ValueError: fewer than two episodes of ours, or none published.
    """
    episodes = np.asarray(ours, dtype=np.float64)
    count = len(episodes)
    if count < 2 or published_episodes < 1:
        raise ValueError(f"found {count} episodes beside {published_episodes} published, expected 2 beside 1 or more")
    spread = math.sqrt(1.0 / count + 1.0 / published_episodes)
    deviation, apart = float(episodes.std(ddof=1)), float(episodes.mean()) - published_mean
    if np.ptp(episodes) == 0:
        same = abs(apart) <= rounding + 1e-9 * max(1.0, abs(published_mean))
        z, p = (0.0, 1.0) if same else (math.copysign(math.inf, apart), 1.0 / (DRAWS + 1))
        word: Literal["consistent", "differs"] = "consistent" if same else "differs"
        return RandomPlay(float(episodes[0]), count, z, p, word, rounding, np.zeros(DRAWS), None)
    z = apart / (deviation * spread)
    null = _null(episodes, published_episodes, stream)
    p = min(1.0, 2.0 * min(_tail(int((null >= z).sum())), _tail(int((null <= z).sum()))))
    word = "differs" if p <= NOTHING_LEARNED_ERROR / max(1, comparisons) else "consistent"
    found = special.stdtrit(count - 1, FOUND_SHARE) + special.stdtrit(
        count - 1, 1.0 - NOTHING_LEARNED_ERROR / 2 / max(1, comparisons)
    )
    error = deviation * spread
    bounds = _interval(apart, error, null, comparisons)
    return RandomPlay(float(episodes.mean()), count, z, p, word, float(found) * error, null, bounds)


def _interval(apart: float, error: float, null: Floats, comparisons: int) -> tuple[float, float] | None:
    """Return the differences that the test does not refuse, raw return; its tails count as `_tail` counts them."""
    beyond = math.floor(NOTHING_LEARNED_ERROR / 2 / max(1, comparisons) * (DRAWS + 1)) - 1
    if beyond < 0:
        return None
    in_order = np.sort(null)
    low, high = apart - error * float(in_order[-1 - beyond]), apart - error * float(in_order[beyond])
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def _tail(count: int) -> float:
    """Return a share of draws that is never zero."""
    return (1 + count) / (DRAWS + 1)


def _null(episodes: Floats, published_episodes: int, stream: np.random.Generator) -> Floats:
    """Draw z* of both sides from our own episodes; float64 [DRAWS]."""
    count, parts = len(episodes), []
    # About the commonest values sums are exact, so that a draw without spread has none after rounding either.
    episodes = episodes - np.median(episodes)
    at_a_time = min(_CHUNK, max(1, _IN_CACHE_NUMBERS // count))
    for _ in range(DRAWS // _CHUNK):
        mean, variance = np.empty(_CHUNK), np.empty(_CHUNK)
        for first in range(0, _CHUNK, at_a_time):
            part = slice(first, min(first + at_a_time, _CHUNK))
            ours = episodes[stream.integers(0, count, (part.stop - first, count))]
            mean[part] = ours.mean(axis=1)
            ours -= mean[part, None]
            variance[part] = np.einsum("ij,ij->i", ours, ours) / (count - 1)
        published = episodes[stream.integers(0, count, (_CHUNK, published_episodes))]
        apart = mean - published.mean(axis=1)
        error = np.sqrt(variance * (1.0 / count + 1.0 / published_episodes))
        # Where a draw has no spread, nothing apart is 0 standard errors and anything else infinitely many.
        with np.errstate(divide="ignore", invalid="ignore"):
            parts.append(np.where(apart == 0, 0.0, apart / error))
    return np.concatenate(parts)


@dataclass(frozen=True)
class TableTest:
    """The test of all games together.

    statistic: S. null_mean, null_95, null_99: mean and quantiles of S where the agents are the same. p: share of draws
    as large or larger. p_lower: as small or smaller: a table that lies closer than chance would have it.
    """

    statistic: float
    null_mean: float
    null_95: float
    null_99: float
    p: float
    p_lower: float
    word: Literal["consistent", "differs"]


def compare_table(games: Sequence[RandomPlay]) -> TableTest:
    """Compare the games of a table, one or more, with the published ones all at once.

    Raises:
        ValueError: no game.
    """
    if not games:
        raise ValueError("found no game, expected one or more")
    statistic = float(sum(min(game.z**2, LARGEST_SQUARE) for game in games))
    null = np.sum([np.minimum(game.null**2, LARGEST_SQUARE) for game in games], axis=0)
    p = _tail(int((null >= statistic).sum()))
    return TableTest(
        statistic,
        float(null.mean()),
        float(np.quantile(null, 0.95)),
        float(np.quantile(null, 0.99)),
        p,
        _tail(int((null <= statistic).sum())),
        "differs" if p <= NOTHING_LEARNED_ERROR else "consistent",
    )
