"""Numbers of one published run of an agent, which judge nothing: they lie somewhere among ours."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

from replication.published.loader import PUBLISHED, published_table
from replication.published.schemas import SingleRunQuantity


@dataclass(frozen=True)
class SingleRunNumber:
    """One number that was printed of a run.

    Attributes:
        quantity: what it is.
        episode: of training, after or up to which; None: it is an episode itself.
        value: as printed.
    """

    quantity: SingleRunQuantity
    episode: int | None
    value: float


@cache
def single_run(source: str, task: str, algorithm: str, folder: Path = PUBLISHED) -> tuple[SingleRunNumber, ...]:
    """List what a source printed of its one run of an agent on a task, in the order of its file; empty: nothing.

    Raises:
        ReplicationError: there is no such source, or its file is damaged.
    """
    table = published_table(source, folder=folder)
    rows = table[(table["task"] == task) & (table["algorithm"] == algorithm)].to_dict("records")
    return tuple(
        SingleRunNumber(
            cast("SingleRunQuantity", row["quantity"]),
            None if math.isnan(float(row["episode"])) else int(row["episode"]),
            float(row["value"]),
        )
        for row in rows
    )
