"""What the cells of a table stand beside: published numbers of games, or published runs by agent step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from replication.analysis.cells import Cell
from replication.analysis.floors import Floor, find_floor
from replication.analysis.published_counterparts import Counterpart, find_counterpart, find_rivals
from replication.analysis.step_counterparts import find_step_counterpart, find_step_floor, find_step_rivals
from replication.published.judges import find_judge
from replication.published.references import reference_set
from replication.specification.experiments import Experiment, PublishedSource
from replication.specification.run import Run


class CellReferences(Protocol):
    """The published side of an experiment's cells."""

    def has_scale(self, cell: Cell) -> bool:
        """Return whether scores of a cell can be put beside others at all; else it is left out of the table."""

    def counterpart(self, run: Run) -> Counterpart | str:
        """Find the published number for a run, or say why there is none."""

    def rivals(self, run: Run) -> list[Counterpart]:
        """Find the source's other agents of the same task, protocol and length of training."""

    def floor(self, cell: Cell, cells: Sequence[Cell]) -> Floor | None:
        """Find the floor of a cell that is compared and trains, among all `cells`; None: it is not known yet."""


class _OfGames:
    """Published numbers of games; random and human scores give the scale."""

    def __init__(self, experiment: Experiment) -> None:
        self._published = experiment.published
        self._references = reference_set(experiment.reference_set)

    def has_scale(self, cell: Cell) -> bool:
        return cell.run.task.name in self._references.random

    def counterpart(self, run: Run) -> Counterpart | str:
        return find_counterpart(self._published, run, self._references)

    def rivals(self, run: Run) -> list[Counterpart]:
        assert self._published is not None
        return find_rivals(self._published, run, self._references)

    def floor(self, cell: Cell, cells: Sequence[Cell]) -> Floor:
        assert self._published is not None
        return find_floor(self._published.source, cell, cells, self._references)


class _BySteps:
    """Published runs at an agent step, where there are any; the untrained policy is the floor."""

    def __init__(self, published: PublishedSource | None) -> None:
        self._published = published

    def has_scale(self, cell: Cell) -> bool:
        return True

    def counterpart(self, run: Run) -> Counterpart | str:
        return find_step_counterpart(self._published, run)

    def rivals(self, run: Run) -> list[Counterpart]:
        assert self._published is not None
        return find_step_rivals(self._published, run)

    def floor(self, cell: Cell, cells: Sequence[Cell]) -> Floor | None:
        assert self._published is not None
        return find_step_floor(self._published, cell, cells)


def references_of(experiment: Experiment) -> CellReferences:
    """Return the published side of an experiment, as the layout of its source asks."""
    published = experiment.published
    by_steps = published is not None and find_judge(published.source).layout == "curves by step"
    if by_steps or (published is None and experiment.reference_set is None):
        return _BySteps(published)
    return _OfGames(experiment)
