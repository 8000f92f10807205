"""The published numbers of a source as a tidy data frame, a row a number."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from replication.published.layouts import scores_by_game
from replication.published.loader import published_scores, published_sources, published_table


def number_frame(source: str | None, *, memory: bool = False) -> pd.DataFrame:
    """Read the numbers of a source, in the order of its file.

    Args:
        source: its name; None: the sources that judge, a row each.
        memory: also rows that are known only from memory.

    Returns: of a source of scores by game a column for each attribute of `PublishedScore`, the game as `task`; of any
        other its own columns.
    Raises:
        ReplicationError: no such source; its file is damaged.
    """
    judges = published_table("judges")
    if source is None:
        return judges
    if source in published_sources():
        rows = published_scores(source, memory=memory)
    elif not memory and source in set(judges["name"]):
        rows = scores_by_game(source)
    else:
        rows = ()
    if not rows:
        return published_table(source, memory=memory)
    return pd.DataFrame([asdict(row) for row in rows]).rename(columns={"game": "task"})
