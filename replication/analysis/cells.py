"""An experiment's runs grouped into cells: the seeds of one agent on one game. Seeds and episodes are kept apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from replication.analysis.finished import FinishedRun, evaluation_score, iteration_of, last_episodes_score
from replication.foundation.errors import ReplicationError
from replication.published.references import ReferenceSet, normalized_score
from replication.specification.budget import Budget
from replication.specification.experiments import Experiment
from replication.specification.protocols import of_atari
from replication.specification.run import Run


@dataclass(frozen=True)
class Cell:
    """The runs of one agent on one game, finished or not, judged at one length of training."""

    runs: tuple[Run, ...]
    finished: tuple[FinishedRun, ...]
    judged_at: Budget

    @property
    def run(self) -> Run:
        """One of the runs, its budget the length at which it is judged; they differ by seed alone."""
        return replace(self.runs[0], budget=self.judged_at)

    @property
    def trains(self) -> bool:
        """True where the unit of replication is the training seed; else it is the episode."""
        return self.run.family.trains

    @property
    def scores(self) -> list[float]:
        """Raw score of each finished run, in the order of the seeds: one number a seed."""
        return [run_score(found, self.judged_at) for found in self.finished]

    @property
    def episode_returns(self) -> list[float]:
        """Raw return of every episode of every final evaluation that is scored: 30 of one network are not 30 seeds."""
        if self.run.protocol.evaluation_beside_score is not None:
            return []
        return [float(x) for found in self.finished if found.episodes is not None for x in found.episodes["return"]]

    def normalized(self, references: ReferenceSet) -> list[float]:
        """Return the normalized score of each finished run, in percent."""
        return [normalized_score(score, self.run.task.name, references) for score in self.scores]


def cells_of(experiment: Experiment, finished: Sequence[FinishedRun]) -> list[Cell]:
    """Return every cell of an experiment, by game, agent and the length of training at which it is judged."""
    groups: dict[tuple[str, str, str, Budget], list[Run]] = {}
    for run in experiment.runs():
        shown = f"{run.protocol.protocol} {run.preset}"
        for budget in experiment.judged_budgets(run):
            key = (run.task.name, run.variant.variant, shown, budget)
            groups.setdefault(key, []).append(run)
    done = {found.run.key: found for found in finished}
    return [
        Cell(tuple(runs), tuple(done[run.key] for run in runs if run.key in done), judged_at)
        for (_, _, _, judged_at), runs in sorted(groups.items(), key=lambda group: group[0])
    ]


def run_score(finished: FinishedRun, judged_at: Budget) -> float:
    """Return the score of a run: mean return of its final evaluation, or where it is judged of training or evaluation.

    Raises:
        ReplicationError: its tables have nothing of where it is judged.
    """
    if finished.row is not None:
        return float(finished.row["score"])
    if finished.run.protocol.evaluation_score is not None:
        return _evaluated(finished, judged_at.steps)
    if finished.run.publishes_training:
        return training_point(finished, judged_at)[1]
    assert finished.episodes is not None
    return float(finished.episodes["return"].mean())


def _evaluated(finished: FinishedRun, step: int) -> float:
    found = evaluation_score(finished, step)
    if found is None:
        raise ReplicationError(
            f"{finished.folder / 'evaluations.csv'}: step {step}: found no row, expected the evaluation there; judge "
            f"the run elsewhere, or remove {finished.folder} to make it again"
        )
    return found


def training_point(finished: FinishedRun, judged_at: Budget) -> tuple[float, float]:
    """Return emulator frames and mean training return where a run is judged.

    Args:
        finished: the run; training returns are what its protocol publishes.
        judged_at: the length of training.

    Raises:
        ReplicationError: its table lacks that iteration, or that frame.
    """
    if finished.run.protocol.training_score is not None:
        frames = replace(finished.run, budget=judged_at).training_frames
        return float(frames), last_episodes_score(finished, frames)
    steps, mean_return = iteration_of(finished, judged_at.iterations)
    return float(steps * finished.run.protocol.training.frame_skip), mean_return


def scored_cap_frames(run: Run) -> int | None:
    """Return the emulator frames after which the episodes that give the score are cut; None: they are not cut."""
    final = run.protocol.final_evaluation
    return of_atari(run.protocol.training if final is None else final.presentation).episode_cap_frames


def other_cap(run: Run, references: ReferenceSet) -> str | None:
    """Say how a run's episodes are cut otherwise than those of the references; None: alike, as far as is known.

    A score of shorter or longer episodes is still put on the references' scale, but says nothing about being above or
    below them.
    """
    cap = scored_cap_frames(run)
    if references.cap_frames is None or cap == references.cap_frames:
        return None
    own = "not cut" if cap is None else f"cut at {cap:,} frames"
    return f"episodes are {own}, those of the references at {references.cap_frames:,}"
