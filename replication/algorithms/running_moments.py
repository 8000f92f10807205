"""Mean and variance of numbers that come in batches, as running normalization keeps them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Moments:
    """Mean and variance of the numbers seen so far, float64 [...] each, and how many there were."""

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    """Over the count, not one less."""
    count: float


def first_moments(shape: tuple[int, ...]) -> Moments:
    """Return the moments before anything is seen: mean 0, variance 1."""
    return Moments(np.zeros(shape), np.ones(shape), 0.0)


def combined(moments: Moments, batch: NDArray[np.floating]) -> Moments:
    """Compute the moments of all numbers so far and those of a batch, [count, ...].

    With delta the distance of the means and n, m the counts: mean + delta m / (n + m), and the variance is
    (n var + m var_batch + delta^2 n m / (n + m)) / (n + m).

    Source: Chan et al. 1979, Updating formulae and a pairwise algorithm for computing sample variances, equation 2.1;
    thu-ml/tianshou 47c77899 tianshou/utils/statistics.py:78-94.
    """
    mean, variance, count = moments.mean, moments.variance, moments.count
    numbers = np.asarray(batch, np.float64)
    new, total = len(numbers), count + len(numbers)
    delta = numbers.mean(axis=0) - mean
    squares = variance * count + numbers.var(axis=0) * new + delta**2 * count * new / total
    return Moments(np.asarray(mean + delta * new / total), np.asarray(squares / total), total)
