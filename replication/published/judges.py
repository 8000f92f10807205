"""The sources that judge: of which protocol, frames and episodes their numbers are, and what captions call them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from replication.foundation.errors import ReplicationError, unknown_name
from replication.published.loader import PUBLISHED, published_table
from replication.published.schemas import Layout


@dataclass(frozen=True)
class Judge:
    """A published source that runs are judged by, as a row of judges.csv. Empty text or None: it has none.

    Attributes:
        name: of the CSV with its numbers.
        layout: how that is laid out; `scores` lies in the folder of that name.
        protocol: of all its numbers; empty where its rows say how they were measured.
        other_protocols: what a variant's own program makes of that protocol.
        frames_millions: emulator frames of training, where the CSV does not say.
        best_of: what the best of several was printed of, for each game and agent.
        stand_in: the source whose spread between runs stands in where none was printed.
        stand_in_agent: the agent of that source; empty: all whose runs are published.
        floor: the agent of the source that plays at random; empty: it has none.
        human: its human tester; empty: it has none.
        reference_agent: the agent of the source whose score counts 100 where no human tester is; empty: it has none.
        reference_step: agent steps of its training at that score.
        aggregates: a table of its own aggregates over games; empty: they stand in aggregates.csv.
        title: the citation in captions; its name, where it has none.
        short_title: its name within a sentence.
    """

    name: str
    layout: Layout
    protocol: str
    other_protocols: tuple[str, ...]
    frames_millions: float | None
    best_of: str
    stand_in: str
    stand_in_agent: str
    floor: str
    human: str
    reference_agent: str
    reference_step: int | None
    aggregates: str
    title: str
    short_title: str

    @property
    def not_trained(self) -> tuple[str, ...]:
        """Names in its table that no training is behind."""
        return tuple(filter(None, (self.floor, self.human)))


def find_judge(name: str, folder: Path = PUBLISHED) -> Judge:
    """Find a source by its name.

    Raises:
        ReplicationError: judges.csv has no such row, or is damaged.
    """
    judges = _all(folder)
    if name not in judges:
        raise unknown_name(f"source in {folder / 'judges.csv'}", name, judges)
    return judges[name]


@cache
def _all(folder: Path) -> dict[str, Judge]:
    """Read the whole file, once a process."""
    found = {row["name"]: _judge(row) for row in published_table("judges", folder=folder).to_dict("records")}
    for judge in found.values():
        if judge.stand_in and judge.stand_in not in found:
            hint = unknown_name("source", judge.stand_in, found)
            raise ReplicationError(f"{folder / 'judges.csv'}: {judge.name}: stand_in: {hint}")
    return found


def _judge(row: dict[Any, Any]) -> Judge:
    frames, reference_step = float(row["frames_millions"]), float(row["reference_step"])
    return Judge(
        name=row["name"],
        layout=cast("Layout", row["layout"]),
        protocol=row["protocol"],
        other_protocols=tuple(row["other_protocols"].split()),
        frames_millions=None if math.isnan(frames) else frames,
        best_of=row["best_of"],
        stand_in=row["stand_in"],
        stand_in_agent=row["stand_in_agent"],
        floor=row["floor"],
        human=row["human"],
        reference_agent=row["reference_agent"],
        reference_step=None if math.isnan(reference_step) else int(reference_step),
        aggregates=row["aggregates"],
        title=row["title"] or row["name"],
        short_title=row["short_title"],
    )
