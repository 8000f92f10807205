"""The comparisons of an experiment's score table with the spread between runs each rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from replication.analysis.best_of_rates import compared, comparison_count
from replication.analysis.cells import Cell, cells_of
from replication.analysis.finished import FinishedRun, FinishedRuns
from replication.analysis.intervals import LEVEL, family_level
from replication.analysis.power import JudgedGames
from replication.analysis.published_counterparts import Counterpart, find_counterpart
from replication.published.references import ReferenceSet, reference_set
from replication.specification.experiments import Experiment


@dataclass(frozen=True)
class JudgedCell:
    """A cell of a trained agent that has a published score.

    Attributes:
        cell: ours.
        counterpart: the published score.
        published_runs: runs behind the published score, with their spread; None: one number, whose spread is stood
            in for.
    """

    cell: Cell
    counterpart: Counterpart
    published_runs: int | None

    @property
    def spread(self) -> float | None:
        """Standard deviation between runs in normalised points; None where none is known."""
        return self.counterpart.between_runs


def judged_cells(
    experiment: Experiment, finished: Sequence[FinishedRun], references: ReferenceSet
) -> tuple[list[JudgedCell], float]:
    """Return the comparisons of trained agents as the score table orders them, and the level of its intervals."""
    cells = [cell for cell in cells_of(experiment, finished) if cell.run.task.name in references.random]
    counterparts = [find_counterpart(experiment.published, cell.run, references) for cell in cells]
    found = compared(experiment.published, cells, counterparts)
    judged = []
    for cell, comparison in zip(cells, found, strict=True):
        counterpart = comparison.counterpart
        if counterpart is not None and cell.trains:
            runs = None if counterpart.error is None else round(counterpart.error[1]) + 1
            judged.append(JudgedCell(cell, counterpart, runs))
    return judged, family_level(LEVEL, comparison_count(found))


def comparisons_judged(experiment: Experiment, finished: FinishedRuns) -> tuple[list[JudgedCell], float]:
    """Return `judged_cells` by the experiment's own references; for `FinishedRuns.once`."""
    return judged_cells(experiment, finished, reference_set(experiment.reference_set))


def as_simulated(judged: list[JudgedCell]) -> JudgedGames:
    """Return the comparisons whose spread is known, as the simulation takes them."""
    known = [(one, one.spread) for one in judged if one.spread is not None]
    return JudgedGames(
        np.array([one.counterpart.normalized for one, _ in known]),
        np.array([spread for _, spread in known], dtype=np.float64),
        tuple(one.published_runs for one, _ in known),
    )
