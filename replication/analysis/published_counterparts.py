"""The published number that a run may be compared with: of the same agent, protocol, game and number of frames."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from replication.analysis.intervals import Estimate
from replication.foundation.errors import ReplicationError
from replication.published.curves import curve_point
from replication.published.judges import Judge, find_judge
from replication.published.layouts import scores_by_game
from replication.published.loader import PUBLISHED, PublishedScore
from replication.published.references import ReferenceSet, normalized_score
from replication.published.spreads import stand_in_cv
from replication.specification.experiments import PublishedSource
from replication.specification.protocols import of_atari
from replication.specification.run import Run

_RUNS_IN = re.compile(r"standard deviation of ([0-9]+) runs")


@dataclass(frozen=True)
class Counterpart:
    """A published score in its own units and normalised, with what is known of its error.

    between_runs: standard deviation between training runs in normalised points, published or stood in for by
        `stand_in_cv`; None where neither is there. error: standard error of the published mean in normalised
        points and its degrees of freedom, where runs were published; None where one number was.
    episodes: how many the score is the mean of, where the agent does not train; None where it does.
    """

    score: float
    normalized: float
    between_runs: float | None
    error: tuple[float, float] | None
    episodes: int | None

    @property
    def stand_in(self) -> bool:
        """True where the published side's spread is stood in for."""
        return self.error is None

    def estimate_beside(self, ours: Estimate, values: int) -> Estimate | None:
        """Return the published mean with its standard error; None where no spread is known.

        Args:
            ours: our estimate, whose spread an agent that does not train shares with the published one.
            values: number of values ours is made from.
        """
        if self.error is not None:
            return Estimate(self.normalized, *self.error)
        if self.episodes is not None:
            spread = ours.standard_error * math.sqrt(values)
            return Estimate(self.normalized, spread / math.sqrt(self.episodes), ours.degrees)
        return None if self.between_runs is None else Estimate(self.normalized, self.between_runs, math.inf)


def find_counterpart(
    published: PublishedSource | None, run: Run, references: ReferenceSet, folder: Path = PUBLISHED
) -> Counterpart | str:
    """Find the published number for a run, or say in one sentence why there is none.

    Args:
        published: names the source, and which variant is which agent of it.
        run: whose protocol, task and length of training the number must share.
        references: normalise both.
        folder: where the published files lie.
    """
    if published is None:
        return "the experiment names no published source"
    if run.preset is not None:
        return f"preset {run.preset.preset} departs from the published schedules"
    judge, agent = find_judge(published.source, folder), published.agents.get(run.variant.variant)
    if judge.layout == "curves":
        return _on_curve(judge, agent, run, references, folder)
    return _by_game(judge, agent, run, references, folder)


def _one_number(score: float, run: Run, references: ReferenceSet, judge: Judge, folder: Path) -> Counterpart:
    """Return the counterpart of a score whose spread between runs was not published."""
    normalized = normalized_score(score, run.task.name, references)
    try:
        between = stand_in_cv(judge.name, run.task.name, run.training_frames, folder) * abs(normalized)
    except ReplicationError:
        between = None
    return Counterpart(score, normalized, between, None, None)


def _by_game(judge: Judge, agent: str | None, run: Run, references: ReferenceSet, folder: Path) -> Counterpart | str:
    """Find the counterpart in a source that prints a score for each game and agent."""
    if agent is None:
        return "nothing was published for this agent"
    scores = [row for row in scores_by_game(judge.name, folder) if row.algorithm == agent]
    found = next((row for row in scores if row.game == run.task.name), None)
    if found is None:
        return f"{judge.name} has no score of {agent} for {run.task.name}"
    if reason := _another_protocol(judge, found, run, references):
        return reason
    normalized = normalized_score(found.score, run.task.name, references)
    if not run.family.trains:
        if judge.episodes is None:
            return "the published score does not state its number of episodes"
        return Counterpart(found.score, normalized, None, None, judge.episodes)
    frames = run.training_frames
    if found.frames_millions is None:
        return "the published score does not state its number of frames"
    if frames != round(found.frames_millions * 1e6):
        return (
            f"the published score is at {found.frames_millions:g} million frames, this run has {frames / 1e6:g} million"
        )
    runs = _RUNS_IN.search(found.statistic)
    if found.std is None or runs is None:
        return _one_number(found.score, run, references, judge, folder)
    scale = normalized_score(1.0, run.task.name, references) - normalized_score(0.0, run.task.name, references)
    spread, count = abs(found.std * scale), float(runs[1])
    return Counterpart(found.score, normalized, spread, (spread / math.sqrt(count), count - 1), None)


def _another_protocol(judge: Judge, found: PublishedScore, run: Run, references: ReferenceSet) -> str | None:
    """Say why a published score was not measured as this run is; None: it was, as far as its source says."""
    ours = run.protocol.protocol
    if judge.protocol:
        fits = ours == judge.protocol or ours == run.variant.protocol in judge.other_protocols
        return None if fits else f"the published scores are of protocol {judge.protocol}, not {ours}"
    if found.reference_set != references.name:
        known = f"belongs to {found.reference_set}" if found.reference_set else "does not state its protocol"
        return f"the published score {known}"
    final = run.protocol.final_evaluation
    if found.start != "noop30" or final is None or of_atari(final.presentation).noops_after_game_over_frames is None:
        return f"the published score is of other starts than protocol {run.protocol.protocol} has"
    if found.cap_frames != of_atari(final.presentation).episode_cap_frames:
        return f"the published score is of other episodes than protocol {run.protocol.protocol} has: their cap differs"
    if found.epsilon_eval is not None and found.epsilon_eval != run.final_epsilon(final):
        return f"the published score is at epsilon {found.epsilon_eval:g}, this run's at {run.final_epsilon(final):g}"
    return None


def _on_curve(judge: Judge, agent: str | None, run: Run, references: ReferenceSet, folder: Path) -> Counterpart | str:
    """Find the counterpart in a source of learning curves: the point after as many iterations or frames of training."""
    if agent is None:
        return "no published curve is named for this agent"
    ours = run.protocol.protocol
    if ours != judge.protocol and not ours == run.variant.protocol in judge.other_protocols:
        return f"the published curves are of protocol {judge.protocol}, not {ours}"
    try:
        point = curve_point(judge.name, run.task.name, agent, run.training_frames, folder)
    except ReplicationError as error:
        return str(error)
    if point.std is None:
        return _one_number(point.score, run, references, judge, folder)
    scale = normalized_score(1.0, run.task.name, references) - normalized_score(0.0, run.task.name, references)
    spread = abs(point.std * scale)
    normalized = normalized_score(point.score, run.task.name, references)
    return Counterpart(point.score, normalized, spread, (spread / math.sqrt(point.runs), float(point.runs - 1)), None)
