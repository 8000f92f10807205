"""The episodes of an agent that does not train beside a published mean; all tables draw the same numbers for a game."""

from __future__ import annotations

import zlib
from functools import cache

import numpy as np

from replication.analysis.cells import Cell
from replication.analysis.published_counterparts import Counterpart
from replication.analysis.random_play import RandomPlay, compare_game

_SEED = 20_150_226


def compare_episodes(cell: Cell, published: Counterpart, comparisons: int) -> RandomPlay | None:
    """Compare all finished episodes of a cell with a published mean; None for fewer than two.

    Args:
        cell: of an agent that does not train.
        published: the mean of episodes; not necessarily of this agent.
        comparisons: of the table.
    """
    returns = tuple(cell.episode_returns)
    if len(returns) < 2:
        return None
    return _compared(returns, published, comparisons, zlib.crc32(cell.run.task.name.encode()))


@cache
def _compared(returns: tuple[float, ...], published: Counterpart, comparisons: int, task: int) -> RandomPlay:
    assert published.episodes is not None
    stream = np.random.default_rng([_SEED, task])
    return compare_game(returns, published.score, published.episodes, comparisons, stream, rounding=published.rounding)
