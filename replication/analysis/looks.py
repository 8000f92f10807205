"""Looks at the finished seeds of a cell: an experiment plans at how many seeds it is judged, and pays for each look."""

from __future__ import annotations

from dataclasses import dataclass

from replication.analysis.cells import Cell
from replication.specification.experiments import Experiment


@dataclass(frozen=True)
class Look:
    """A look at one cell.

    Attributes:
        seeds: that are judged, the first ones by number; 0: there is nothing to look at yet.
        number: of the look in the plan, from 1; None: no looks are planned.
        planned: how many looks the plan has.
        waits: why nothing is judged yet, or why finished seeds are left out of it; empty: all finished ones are judged.
    """

    seeds: int
    number: int | None
    planned: int
    waits: str = ""

    @property
    def in_words(self) -> str:
        """The look as a table shows it: `1 of 3`; empty where none is planned."""
        return "" if self.number is None else f"{self.number} of {self.planned}"


def look_at(cell: Cell, experiment: Experiment) -> Look:
    """Return the newest planned look that the finished seeds of a cell reach; without a plan, all of them.

    Between two looks the verdict stays that of the earlier one: judging as seeds come in would be a look each.
    """
    finished, plan = len(cell.finished), experiment.looks
    if not plan or not cell.trains:
        return Look(finished, None, 1)
    reached = [seeds for seeds in plan if seeds <= finished]
    if not reached:
        return Look(0, 0, len(plan), f"the first look is at {plan[0]} seeds, {finished} finished" if finished else "")
    left_out = f"{finished - reached[-1]} finished after this look" if finished > reached[-1] else ""
    return Look(reached[-1], len(reached), len(plan), left_out)


def looks_text(experiment: Experiment, cells: list[Cell]) -> str:
    """Say for a caption at how many seeds cells are judged, and what looking otherwise would cost."""
    if experiment.looks:
        *first, last = map(str, experiment.looks)
        return (
            f"Looks are planned at {' and '.join(filter(None, [', '.join(first), last]))} seeds of a cell, and share "
            "the error; seeds beyond a look wait for the next, and seeds beyond the plan would cost the promise."
        )
    if any(0 < len(cell.finished) < len(cell.runs) for cell in cells if cell.trains):
        return (
            "No looks are planned, and not all seeds are finished: a verdict given now and again after the rest is "
            "looked at twice, and costs the promise of 5 %."
        )
    return "No looks are planned: adding seeds after this one would be a second look, and cost the promise of 5 %."
