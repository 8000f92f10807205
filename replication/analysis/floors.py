"""The floor of a comparison: what play that learned nothing scores, from which both sides are counted.

In this order: the random agent of the same source; the random agent of the references, where they are of the run's own
protocol; ours, played here by that protocol, with its standard error; the random agent of the references although they
are of another protocol, which is a deviation and is shown.

Dopamine's curves have no random agent and no point before training. Random play with sticky actions is not published
for these games either, so the references' one (no-op starts, no sticky actions) stands in, as a deviation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from replication.analysis.cells import Cell, other_cap
from replication.analysis.intervals import estimate
from replication.published.judges import find_judge
from replication.published.layouts import scores_by_game
from replication.published.loader import PUBLISHED
from replication.published.references import ReferenceSet
from replication.specification.protocols import of_atari
from replication.specification.run import Run

RANDOM_PLAY = "random play"


@dataclass(frozen=True)
class Floor:
    """The score of play that learned nothing.

    Attributes:
        score: raw.
        error: its standard error, raw score; 0 where it is not known.
        deviation: of its single episodes, raw score; None where it is not known.
        name: whose it is, in words.
        other_protocol: how its episodes are unlike those of the run, in words; empty: they are alike.
        rival: its name among the agents that are not ruled out.
    """

    score: float
    error: float
    deviation: float | None
    name: str
    other_protocol: str = ""
    rival: str = RANDOM_PLAY


def find_floor(
    source: str, cell: Cell, cells: Sequence[Cell], references: ReferenceSet, folder: Path = PUBLISHED
) -> Floor:
    """Find the floor of a cell whose agent trains.

    Args:
        source: the published source that judges it.
        cell: of an agent that trains.
        cells: all of the experiment, those of random agents among them.
        references: of the experiment; they have the cell's game.
        folder: where the published files lie.
    """
    task, judge = cell.run.task.name, find_judge(source, folder)
    printed = {row.game: row.score for row in scores_by_game(source, folder) if row.algorithm == judge.floor}
    if task in printed:
        return Floor(printed[task], 0.0, None, f"random play, {judge.title}")
    unlike = _unlike(cell.run, references)
    published = Floor(references.random[task], 0.0, None, f"random play, {references.source}", unlike)
    return (_played_here(cell, cells) or published) if unlike else published


def _played_here(cell: Cell, cells: Sequence[Cell]) -> Floor | None:
    """Return the floor that random play of ours gives under the cell's own protocol; None where none is finished."""
    for other in cells:
        same = other.run.task == cell.run.task and other.run.protocol == cell.run.protocol
        if same and not other.trains and (found := estimate(other.episode_returns)) is not None:
            deviation = float(np.std(other.episode_returns, ddof=1))
            return Floor(found.mean, found.standard_error, deviation, f"{other.run.variant.title}, played here")
    return None


def _unlike(run: Run, references: ReferenceSet) -> str:
    """Say how the references' episodes are unlike those that give a run its score; empty: they are alike."""
    final = run.protocol.final_evaluation
    presentation = of_atari(run.protocol.training if final is None else final.presentation)
    sticky = f"without the sticky actions ({presentation.sticky_probability:g}) of the run"
    parts = ["of no-op starts and " + sticky] if presentation.sticky_probability else []
    return "; ".join([*parts, *filter(None, [other_cap(run, references)])])
