"""The moving mean of the last episodes of a training, by which small tasks count as solved, and what is kept of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from replication.specification.scored_points import Solving

MOST_POINTS = 500
"""Of a curve. Longer ones are means over blocks of episodes of one length."""
SOLVED_AT = "solved_at"
"""Column of scores.csv: the first episode, from 1, after which the mean is high enough; blank: none is."""
_MEAN_AT = "mean_at_"


def mean_at(episode: int) -> str:
    """Name the column of scores.csv that holds the mean of the last episodes after this one, from 1."""
    return f"{_MEAN_AT}{episode}"


def episodes_of(columns: dict[str, Any]) -> list[int]:
    """List the episodes after which a row of scores.csv holds the mean of the last ones, ascending."""
    return [int(name.removeprefix(_MEAN_AT)) for name in columns if name.startswith(_MEAN_AT)]


def means_of_last(returns: NDArray[np.float64], episodes: int) -> NDArray[np.float64]:
    """Compute the mean of the last episodes after each: of as many as there are where fewer were played.

    Args:
        returns: float64 [all episodes].
        episodes: how many are averaged.

    Returns: float64 [all episodes].
    """
    sums = np.concatenate([[0.0], np.cumsum(returns)])
    last = np.arange(1, returns.size + 1)
    first = np.maximum(last - episodes, 0)
    means: NDArray[np.float64] = (sums[last] - sums[first]) / (last - first)
    return means


def solving_columns(returns: NDArray[np.float64], solving: Solving | None) -> dict[str, Any]:
    """Return what a row of scores.csv keeps of the moving mean; nothing where the protocol asks for none.

    Args:
        returns: of every training episode, float64 [episodes].
        solving: the protocol's.

    Returns: `best_mean`, the highest of those shown that are of whole windows (of all where none is); `solved_at`; and
        the mean after each episode that is shown.
    """
    if solving is None:
        return {}
    means = means_of_last(returns, solving.of_last)
    shown = {episode: float(means[episode - 1]) for episode in solving.shown(returns.size)}
    whole = [mean for episode, mean in shown.items() if episode >= solving.of_last] or list(shown.values())
    reached = [] if solving.level is None else np.flatnonzero(means >= solving.level).tolist()
    return {
        "best_mean": max(whole),
        SOLVED_AT: reached[0] + 1 if reached else None,
        **{mean_at(episode): mean for episode, mean in shown.items()},
    }


def block_means(values: NDArray[np.float64]) -> dict[int, float]:
    """Return a curve of at most `MOST_POINTS` points: means over blocks of one length, by the last episode of each."""
    width = -(-len(values) // MOST_POINTS)
    blocks = values[: len(values) // width * width].reshape(-1, width).mean(axis=1)
    points = np.arange(1, len(blocks) + 1) * width
    return dict(zip(points.tolist(), blocks.tolist(), strict=True))
