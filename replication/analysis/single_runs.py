"""Where one published run lies among ours: the distribution of what it printed, over our seeds.

A single run has no spread, so nothing can be judged by it (VERDICT `no reference`). It can be said how many of our
seeds lie below and above it, and whether it is one that the middle half of ours are like.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from replication.analysis.cells import Cell, cells_of
from replication.analysis.finished import FinishedRun, FinishedRuns
from replication.evidence.solving import SOLVED_AT, episodes_of, mean_at, solving_columns
from replication.published.schemas import SingleRunQuantity
from replication.published.single_runs import SingleRunNumber, single_run
from replication.specification.experiments import Experiment

MEAN: SingleRunQuantity = "mean of the last 100"
SOLVED: SingleRunQuantity = "solved"
BEST: SingleRunQuantity = "best mean of 100"
FINAL: SingleRunQuantity = "final evaluation"

_COLUMNS = {SOLVED: SOLVED_AT, BEST: "best_mean", FINAL: FINAL}
"""What they are called beside one another, but for means after an episode."""


@dataclass(frozen=True)
class Place:
    """One quantity of an agent on a task: our seeds, and the published run among them.

    Attributes:
        quantity: what is compared.
        episode: after which, or up to which; None: the quantity is an episode.
        values: of our finished seeds, ascending; infinite for an episode that was not reached.
        published: of the one run; None: nothing was published.
    """

    quantity: SingleRunQuantity
    episode: int | None
    values: tuple[float, ...]
    published: float | None

    @property
    def below(self) -> int:
        """Seeds of ours with a smaller value."""
        return sum(value < self.published for value in self.values) if self.published is not None else 0

    @property
    def above(self) -> int:
        """Seeds of ours with a greater value, or that never got there."""
        return sum(value > self.published for value in self.values) if self.published is not None else 0

    @property
    def unreached(self) -> int:
        """Seeds of ours for which the quantity, an episode, was not reached in the budget."""
        return sum(map(math.isinf, self.values))

    @property
    def quartiles(self) -> tuple[float, float, float]:
        """Lower quartile, median and upper quartile of ours; at least one seed is finished."""
        low, middle, high = (quantile(self.values, part) for part in (0.25, 0.5, 0.75))
        return low, middle, high

    @property
    def words(self) -> str:
        """Where the published run lies; empty where there is none, or none of ours."""
        if self.published is None or not self.values:
            return ""
        low, _, high = self.quartiles
        if low <= self.published <= high:
            return "in the middle half of ours"
        if self.published < low:
            return "below all of ours" if self.published < self.values[0] else "in the lowest quarter of ours"
        return "above all of ours" if self.published > self.values[-1] else "in the highest quarter of ours"


def quantile(values: Sequence[float], part: float) -> float:
    """Compute a quantile of ascending values, linear between two; between a number and infinity it is infinite.

    Args:
        values: at least one, ascending.
        part: of them that lie below, 0 to 1.
    """
    place = part * (len(values) - 1)
    first = math.floor(place)
    share = place - first
    if share == 0.0:
        return values[first]
    if math.isinf(values[first + 1]):
        return math.inf
    return (1.0 - share) * values[first] + share * values[first + 1]


def kept(found: FinishedRun) -> Mapping[str, Any]:
    """Return by name what a run keeps of its moving mean, or its episodes give, and the mean of its evaluation."""
    if found.row is not None:
        return {**found.row, "best_mean": found.row["score"]}
    columns: dict[str, Any] = {}
    if found.training is not None:
        returns = found.training["raw_return"].to_numpy(np.float64)
        columns |= solving_columns(returns, found.run.protocol.solving)
    if found.episodes is not None:
        columns[FINAL] = float(found.episodes["return"].mean())
    return columns


def published_run(experiment: Experiment, cell: Cell) -> tuple[SingleRunNumber, ...]:
    """List what was published of the one run of a cell's agent on its task; empty: nothing."""
    source = experiment.published
    name = source.agents.get(cell.run.variant.variant) if source else None
    return single_run(source.source, cell.run.task.name, name) if source and name else ()


def places(experiment: Experiment, cell: Cell) -> list[Place]:
    """List every quantity that was published of a cell's agent, and without such those that ours have.

    Numbers at episodes that our protocol does not keep are left out.
    """
    ours = [kept(found) for found in cell.finished]
    numbers = published_run(experiment, cell)
    if not numbers:
        solving = cell.run.protocol.solving
        asked: list[tuple[SingleRunQuantity, int | None, float | None]] = [
            ((FINAL if solving is None else BEST), None, None)
        ]
        if solving is not None and solving.level is not None:
            asked.append((SOLVED, None, None))
    else:
        asked = [(number.quantity, number.episode, number.value) for number in numbers]
    found = []
    for quantity, episode, value in asked:
        column = mean_at(episode) if quantity == MEAN and episode else _COLUMNS.get(quantity, "")
        if all(column in columns for columns in ours):
            values = sorted(_number(columns[column]) for columns in ours)
            found.append(Place(quantity, episode, tuple(values), value))
    return found


def curve_of_seeds(cell: Cell) -> dict[int, list[float]]:
    """Return the means of the last episodes of all finished seeds, ascending, by the episode after which they are."""
    ours = [kept(found) for found in cell.finished]
    shown = episodes_of(dict(ours[0])) if ours else []
    return {episode: sorted(float(columns[mean_at(episode)]) for columns in ours) for episode in shown}


def placed_cells(experiment: Experiment, finished: FinishedRuns) -> list[tuple[Cell, list[Place]]]:
    """Return every cell of an experiment with its quantities."""
    return [(cell, places(experiment, cell)) for cell in cells_of(experiment, finished)]


def _number(value: Any) -> float:
    """Return a number, infinity for a blank."""
    return math.inf if value is None or math.isnan(float(value)) else float(value)
