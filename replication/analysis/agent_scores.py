"""Normalized scores of each trained agent of an experiment as one matrix of runs and games, ready to be aggregated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from replication.analysis.aggregates import Scores, score_matrix
from replication.analysis.cells import Cell, cells_of, other_cap
from replication.analysis.finished import FinishedRun, FinishedRuns
from replication.analysis.learning_curves import agent_title
from replication.published.references import ReferenceSet, reference_set
from replication.specification.experiments import Experiment
from replication.specification.run import Run


@dataclass(frozen=True)
class AgentScores:
    """The scores of one agent, as far as its runs are finished.

    Attributes:
        title: its name, as everywhere in the experiment.
        cells: all its cells, a game each, finished or not.
        used: those of them with a finished run; the aggregate is made from these.
        runs: finished runs used of each game: as many as the game with the fewest has, by ascending seed.
        left_out: finished runs that are not used, so that every game has as many.
        scores: float64 [runs, games used], normalized, percent; None where nothing is finished.
    """

    title: str
    cells: tuple[Cell, ...]
    used: tuple[Cell, ...]
    runs: int
    left_out: int
    scores: Scores | None

    @property
    def run(self) -> Run:
        """One of its runs; they differ by game and seed alone."""
        return self.cells[0].run

    @property
    def games(self) -> tuple[str, ...]:
        """The games of `scores`, in its order."""
        return tuple(cell.run.task.name for cell in self.used)

    @property
    def complete(self) -> bool:
        """True where every game has a finished run."""
        return len(self.used) == len(self.cells)

    def coverage(self) -> str:
        """Return how many of its games have a finished run, in words."""
        return f"{len(self.used)} of {len(self.cells)}"


def agent_scores(
    experiment: Experiment, finished: Sequence[FinishedRun], references: ReferenceSet
) -> list[AgentScores]:
    """Return the scores of every agent that trains, in the order of the experiment.

    Games outside the reference set are left out.
    """
    runs = experiment.judged_runs()
    by_agent: dict[str, list[Cell]] = {agent_title(run, runs): [] for run in runs if run.family.trains}
    for cell in cells_of(experiment, finished):
        if cell.trains and cell.run.task.name in references.random:
            by_agent[agent_title(cell.run, runs)].append(cell)
    return [_of_agent(title, cells, references) for title, cells in by_agent.items() if cells]


def trained_agents(experiment: Experiment, finished: FinishedRuns) -> list[AgentScores]:
    """Return the scores of every agent that trains by the experiment's own references; for `FinishedRuns.once`."""
    return agent_scores(experiment, finished, reference_set(experiment.reference_set))


def _of_agent(title: str, cells: Sequence[Cell], references: ReferenceSet) -> AgentScores:
    used = tuple(cell for cell in cells if cell.finished)
    runs = min((len(cell.finished) for cell in used), default=0)
    left_out = sum(len(cell.finished) - runs for cell in used)
    scores = score_matrix({cell.run.task.name: cell.normalized(references)[:runs] for cell in used}) if used else None
    return AgentScores(title, tuple(cells), used, runs, left_out, scores)


def coverage_texts(agents: Sequence[AgentScores], references: ReferenceSet) -> list[str]:
    """Write a sentence for each agent: its runs and games, what was left out, what is on another scale."""
    texts = []
    for agent in agents:
        runs = f"{agent.runs} run{'s' * (agent.runs != 1)} a game" if agent.used else "no finished run"
        left_out = f", {agent.left_out} left out so that all games have as many" if agent.left_out else ""
        cap = other_cap(agent.run, references)
        scale = f"; {cap}, so its scores are a scale and no comparison with a human tester" if cap else ""
        texts.append(f"{agent.title}: {agent.coverage()} games, {runs}{left_out}{scale}.")
    return texts
