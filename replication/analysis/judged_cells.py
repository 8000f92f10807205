"""The cells of an experiment, each with its published counterpart, its floor and its verdict.

The unit of an agent that trains is the training seed; of one that does not, the episode.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from replication.analysis.best_of_rates import CellCounterpart, compared, comparison_count
from replication.analysis.cell_references import CellReferences, references_of
from replication.analysis.cells import Cell, cells_of
from replication.analysis.finished import FinishedRuns
from replication.analysis.floors import Floor, find_floor
from replication.analysis.judged_differences import JudgedDifference, difference_of_episodes, judged_difference
from replication.analysis.looks import Look, look_at
from replication.analysis.published_counterparts import Counterpart, find_counterpart_of
from replication.analysis.random_games import compare_episodes
from replication.analysis.random_play import RandomPlay
from replication.analysis.severity import Rival, severity
from replication.analysis.stand_ins import factors_that_keep_the_word
from replication.analysis.two_point import halfway, judge_two_point
from replication.analysis.verdict_conventions import MARGIN_SHARE, RIVAL_LEVEL, Family, look_factor
from replication.analysis.verdict_rule import Comparison, Runs, Verdict, judge, no_reference, not_run
from replication.published.references import reference_set
from replication.specification.experiments import Experiment


@dataclass(frozen=True)
class JudgedCell:
    """A cell with its verdict.

    Attributes:
        cell: ours.
        beside: the published number, or why there is none.
        floor: of a cell that is compared and trains; None for any other.
        look: which seeds are judged.
        comparison: ours and the published one above the floor; where no seed is judged yet, ours is one run at the
            floor. None where nothing is compared, or the agent does not train.
        verdict: the word and its numbers.
        random_play: the test of an agent that does not train; None for any other, and where none is finished.
        others_at_random: the same of the other agents here that do not train, in its place, by title.
        would_have_passed, not_ruled_out: names of the wrong agents that were tried (severity.py).
        tried: how many were.
        stand_in_factors: between which multiples of a stood-in deviation the word stays; None where none is.
    """

    cell: Cell
    beside: CellCounterpart
    floor: Floor | None
    look: Look
    comparison: Comparison | None
    verdict: Verdict
    random_play: RandomPlay | None = None
    others_at_random: Mapping[str, RandomPlay] = field(default_factory=dict)
    would_have_passed: tuple[str, ...] = ()
    not_ruled_out: tuple[str, ...] = ()
    tried: int = 0
    stand_in_factors: tuple[float, float] | None = None

    @property
    def counterpart(self) -> Counterpart | None:
        """The published number; None where there is none."""
        return self.beside.counterpart

    @property
    def difference(self) -> JudgedDifference:
        """Ours less the published score, as it was judged; without numbers where nothing was."""
        if self.random_play is not None and self.counterpart is not None:
            return difference_of_episodes(self.random_play, self.counterpart.score)
        if self.comparison is None:
            return JudgedDifference()
        return judged_difference(self.verdict, self.comparison.published.mean)


@dataclass(frozen=True)
class JudgedTable:
    """All cells of an experiment's score table, in its order, and the comparisons that share the error."""

    cells: tuple[JudgedCell, ...]
    family: Family


def judged_table(experiment: Experiment, finished: FinishedRuns) -> JudgedTable:
    """Judge every cell by the experiment's own references; for `FinishedRuns.once`. Games outside them are left out."""
    references = references_of(experiment)
    cells = [cell for cell in cells_of(experiment, finished) if references.has_scale(cell)]
    beside = compared(experiment.published, cells, [references.counterpart(cell.run) for cell in cells])
    judging = _Judging(experiment, references, cells, beside)
    return JudgedTable(
        tuple(judging.judged(cell, found) for cell, found in zip(cells, beside, strict=True)), judging.family
    )


class _Judging:
    """What the cells of a table have in common: floors, the family, and the margins of uninformative rows."""

    def __init__(
        self,
        experiment: Experiment,
        references: CellReferences,
        cells: Sequence[Cell],
        beside: Sequence[CellCounterpart],
    ) -> None:
        self._experiment, self._references, self._cells = experiment, references, cells
        asked = {id(cell): self._comparison(cell, found) for cell, found in zip(cells, beside, strict=True)}
        counted = [found for cell, found in zip(cells, beside, strict=True) if _counts(cell, found, asked[id(cell)])]
        self.family = Family(comparison_count(counted), look_factor(experiment.looks))
        self._margins = _margins(cells, asked)

    def judged(self, cell: Cell, found: CellCounterpart) -> JudgedCell:
        """Judge one cell."""
        look = look_at(cell, self._experiment)
        if found.counterpart is None:
            return JudgedCell(cell, found, None, look, None, no_reference(found.reason))
        if not cell.trains:
            return self._at_random(cell, found, look)
        comparison, floor = self._comparison(cell, found), self._references.floor(cell, self._cells)
        if not look.seeds:
            reason = look.waits or not_run().reason
            return JudgedCell(cell, found, floor, look, comparison, Verdict("not run", reason))
        if found.waits:
            why = f"the published score is the best of {found.tried} learning rates, not all finished here"
            return JudgedCell(cell, found, floor, look, comparison, Verdict("inconclusive", why))
        if comparison is None or floor is None:
            why = "the untrained policy's score, from which both sides are counted, is not known"
            return JudgedCell(cell, found, floor, look, None, no_reference(why))
        verdict = self._verdict(cell, found.counterpart, comparison, floor, look)
        if verdict.word == "no reference":
            return JudgedCell(cell, found, floor, look, comparison, verdict)
        passed, open_to, tried = self._severity(cell, comparison, floor)
        factors = None
        if comparison.stand_in_variance is not None:
            factors = factors_that_keep_the_word(comparison, self.family)
        return JudgedCell(cell, found, floor, look, comparison, verdict, None, {}, passed, open_to, tried, factors)

    def _comparison(self, cell: Cell, found: CellCounterpart) -> Comparison | None:
        """Return both sides above the floor; None where nothing is compared, no floor known, or nothing trained."""
        if found.counterpart is None or not cell.trains:
            return None
        floor, seeds = self._references.floor(cell, self._cells), look_at(cell, self._experiment).seeds
        if floor is None:
            return None
        ours = _runs(cell.scores[:seeds], floor.score) if seeds else Runs(0.0, 1, None)
        return _beside(ours, found.counterpart, floor)

    def _verdict(
        self, cell: Cell, counterpart: Counterpart, comparison: Comparison, floor: Floor, look: Look
    ) -> Verdict:
        if counterpart.two_points and comparison.informative:
            return judge_two_point(
                cell.scores[: look.seeds],
                counterpart.scores or [counterpart.score] * counterpart.runs,
                halfway(floor.score, counterpart.level),
                self.family,
                floor=floor.score,
                floor_error=floor.error,
            )
        margin = self._margins.get(cell.run.task.name, floor.deviation)
        return judge(comparison, self.family, uninformative_margin=margin)

    def _severity(
        self, cell: Cell, comparison: Comparison, floor: Floor
    ) -> tuple[tuple[str, ...], tuple[str, ...], int]:
        """Put the source's other agents in the published agent's place, and ask whether ours may be the floor."""
        rivals = [
            Rival(other.agent, beside.published, beside.floor_error, beside.stand_in_variance)
            for other in self._references.rivals(cell.run)
            for beside in [_beside(comparison.ours, other, floor)]
        ]
        found = severity(comparison.ours, rivals, self.family)
        names = list(found.not_ruled_out)
        # Ours above the floor, with the errors of both: what is not clearly off it may be play that learned nothing.
        if abs(comparison.ours.mean) <= comparison.half_width(RIVAL_LEVEL, 0.0):
            names.append(floor.rival)
        tried = len(rivals) - len(found.not_tried) + 1
        return found.would_have_passed, tuple(names), tried

    def _at_random(self, cell: Cell, found: CellCounterpart, look: Look) -> JudgedCell:
        """Judge an agent that does not train by its episodes, beside the other agents here that do not."""
        counterpart = found.counterpart
        assert counterpart is not None and counterpart.episodes is not None
        if not cell.finished:
            return JudgedCell(cell, found, None, look, None, not_run())
        here = compare_episodes(cell, counterpart, self.family.comparisons)
        if here is None:
            return JudgedCell(cell, found, None, look, None, Verdict("inconclusive", "one episode tells nothing"))
        verdict = Verdict(
            here.word,
            f"p = {here.p:.2g}; a difference of {here.detectable:,.1f} would be found in 95 of 100 experiments",
            difference=here.mean - counterpart.score,
        )
        rivals = [
            other
            for other in self._cells
            if other.run.task == cell.run.task
            and not other.trains
            and other.run.variant != cell.run.variant
            and other.run.protocol == cell.run.protocol
        ]
        tried = {
            other.run.variant.title: beside
            for other in rivals
            if (beside := compare_episodes(other, counterpart, self.family.comparisons)) is not None
        }
        passed = tuple(name for name, beside in tried.items() if beside.word == "consistent")
        return JudgedCell(cell, found, None, look, None, verdict, here, tried, passed, passed, len(tried))


def judge_other(
    scores: Sequence[float], like: Cell, agent: str, experiment: Experiment, table: JudgedTable, others: int
) -> tuple[Counterpart, Floor, Verdict] | None:
    """Judge another program's scores by the rule of our own.

    Args:
        scores: raw, a run each.
        like: a cell of ours with the same task, protocol and length of training.
        agent: as the published source names it.
        experiment: whose source it is.
        table: of the experiment's own cells, whose words do not depend on others.
        others: further comparisons that share the error of these.

    Returns: the published number, the floor and the verdict; None where the source has no number for the agent.
    """
    if experiment.published is None:
        return None
    references, source = reference_set(experiment.reference_set), experiment.published.source
    found = find_counterpart_of(source, agent, like.run, references)
    if isinstance(found, str):
        return None
    floor = find_floor(source, like, [one.cell for one in table.cells], references)
    family = replace(table.family, comparisons=table.family.comparisons + others)
    return found, floor, judge(_beside(_runs(scores, floor.score), found, floor), family)


def _counts(cell: Cell, found: CellCounterpart, comparison: Comparison | None) -> bool:
    """Return whether a row is among the comparisons that share the error, whatever is finished of it."""
    if found.counterpart is None:
        return False
    return not cell.trains or comparison is None or comparison.informative  # None: what its floor is, is not known yet


def _margins(cells: Sequence[Cell], comparisons: Mapping[int, Comparison | None]) -> dict[str, float]:
    """Return for each task a quarter of the least that an informative published agent learned, raw score."""
    learned: defaultdict[str, list[float]] = defaultdict(list)
    for cell in cells:
        comparison = comparisons[id(cell)]
        if comparison is not None and comparison.informative:
            learned[cell.run.task.name].append(comparison.published.mean)
    return {task: MARGIN_SHARE * min(above) for task, above in learned.items()}


def _runs(scores: Sequence[float], floor: float) -> Runs:
    """Return one side of a comparison from the raw scores of its runs."""
    variance = float(np.var(scores, ddof=1)) if len(scores) > 1 else None
    return Runs(float(np.mean(scores)) - floor, len(scores), variance)


def _beside(ours: Runs, counterpart: Counterpart, floor: Floor) -> Comparison:
    """Return ours beside a published number, both above the floor."""
    published = Runs(counterpart.score - floor.score, counterpart.runs, counterpart.variance)
    stand_in = counterpart.stand_in_variance if counterpart.variance is None else None
    return Comparison(ours, published, floor.error, stand_in)
