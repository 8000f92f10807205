"""The best of several learning rates of an agent, chosen as the published score was.

Source: Mnih et al. 2015, Extended Data Tables 3 and 4: for each game and agent the best of three learning rates. An
experiment names one published agent for several variants; that its scores are such is said in judges.csv.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from replication.analysis.cells import Cell
from replication.analysis.published_counterparts import Counterpart
from replication.published.judges import find_judge
from replication.specification.budget import Budget
from replication.specification.experiments import PublishedSource


@dataclass(frozen=True)
class CellCounterpart:
    """The published number that a cell is compared with.

    counterpart: the published number; None where there is none for this cell, and `reason` says why.
    tried: how many learning rates of the agent the compared one is the best of; 1: it is the only one.
    waits: with a counterpart: runs of the other rates are missing, so that the best is not known yet.
    """

    counterpart: Counterpart | None
    reason: str = ""
    tried: int = 1
    waits: bool = False


def compared(
    published: PublishedSource | None, cells: Sequence[Cell], counterparts: Sequence[Counterpart | str]
) -> list[CellCounterpart]:
    """Return the comparison of each cell; of several rates of a published agent on a game only the best has one.

    The best is the rate with the highest mean score over its seeds, once every run of every rate is finished.

    Returns: one for each cell, in their order.
    """
    found = [CellCounterpart(None, c) if isinstance(c, str) else CellCounterpart(c) for c in counterparts]
    judged_by_best = published is not None and find_judge(published.source).best_of
    groups: dict[tuple[str, str, str, str | None, Budget], list[int]] = {}
    for place, (cell, comparison) in enumerate(zip(cells, found, strict=True)):
        name = published.agents.get(cell.run.variant.variant) if published and judged_by_best else None
        if name is not None and comparison.counterpart is not None:
            preset = cell.run.preset.preset if cell.run.preset else None
            key = (name, cell.run.task.name, cell.run.protocol.protocol, preset, cell.judged_at)
            groups.setdefault(key, []).append(place)
    for places in (places for places in groups.values() if len(places) > 1):
        tried = len(places)
        if any(len(cells[place].finished) < len(cells[place].runs) for place in places):
            for place in places:
                found[place] = replace(found[place], tried=tried, waits=True)
            continue
        best = max(places, key=lambda place: float(np.mean(cells[place].scores)))
        title = cells[best].run.variant.title
        for place in places:
            reason = f"the published score is the best of {tried} learning rates; ours is that of {title}"
            found[place] = replace(found[place], tried=tried) if place == best else CellCounterpart(None, reason, tried)
    return found


def comparison_count(found: Sequence[CellCounterpart]) -> int:
    """Count the comparisons, however many runs are finished: several rates of one agent make one."""
    shares = [1.0 / c.tried if c.waits else 1.0 for c in found if c.counterpart is not None]
    return round(sum(shares))
