"""The published number that a run may be compared with: of the same agent, protocol, game and number of frames."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from replication.analysis.two_point import is_two_point
from replication.foundation.errors import ReplicationError
from replication.published.aggregates import half_unit
from replication.published.curves import curve_agents, curve_point
from replication.published.judges import Judge, find_judge
from replication.published.layouts import scores_by_game
from replication.published.loader import PUBLISHED, PublishedScore
from replication.published.recipes import SPREAD_OF_RUNS, Recipe, find_recipe
from replication.published.references import ReferenceSet
from replication.published.spreads import stand_in_cv
from replication.specification.experiments import PublishedSource
from replication.specification.protocols import of_atari
from replication.specification.run import Run


@dataclass(frozen=True)
class Counterpart:
    """A published raw score, with what is known of its error.

    Attributes:
        agent: as the source names it.
        score: raw.
        runs: of training that it is the mean of; 1 where the source prints one number.
        variance: between those runs (divisor runs - 1), squared raw score; None where it was not printed.
        stand_in_variance: what takes its place then, `stand_in_cv`; None where none is known.
        episodes: how many the score is the mean of, where the agent does not train; None where it does.
        rounding: half a unit of the last digit that the source prints, raw score, where the agent does not train.
        scores: of the single runs, raw, where they are published; else none.
        printed_step: agent steps of training as the source counts them; None where it counts frames or iterations.
        ceiling: the highest score of a task whose runs either solve it or do not; None: it is not known as one.
    """

    agent: str
    score: float
    runs: int
    variance: float | None
    stand_in_variance: float | None
    episodes: int | None = None
    rounding: float = 0.0
    scores: tuple[float, ...] = ()
    printed_step: int | None = None
    ceiling: float | None = None

    @property
    def stand_in(self) -> bool:
        """True where the spread between runs is stood in for."""
        return self.variance is None

    @property
    def two_points(self) -> bool:
        """True where shares of runs are compared: its runs are two outcomes, declared, all equal, or far apart."""
        return self.ceiling is not None or (self.variance == 0 and self.runs > 1) or is_two_point(self.scores)

    @property
    def level(self) -> float:
        """The raw score of the upper outcome: the task's ceiling, else the highest published run."""
        return max(self.scores, default=self.score) if self.ceiling is None else self.ceiling

    @property
    def deviation(self) -> float | None:
        """Standard deviation between runs, raw score, printed or stood in for; None where neither is known."""
        variance = self.stand_in_variance if self.variance is None else self.variance
        return None if variance is None else math.sqrt(variance)


def find_counterpart(
    published: PublishedSource | None, run: Run, references: ReferenceSet, folder: Path = PUBLISHED
) -> Counterpart | str:
    """Find the published number for a run, or say in one sentence why there is none.

    Args:
        published: names the source, and which variant is which agent of it.
        run: whose protocol, task and length of training the number must share.
        references: normalize both.
        folder: where the published files lie.
    """
    if published is None:
        return "the experiment names no published source"
    if run.preset is not None:
        return f"preset {run.preset.preset} departs from the published schedules"
    return find_counterpart_of(published.source, published.agents.get(run.variant.variant), run, references, folder)


def find_rivals(
    published: PublishedSource, run: Run, references: ReferenceSet, folder: Path = PUBLISHED
) -> list[Counterpart]:
    """Find the numbers of the source's other agents of the same task, protocol and length of training.

    Other versions of the agent itself are no rivals, nor is what does not train.
    """
    judge = find_judge(published.source, folder)
    if judge.layout == "curves":
        names = curve_agents(judge.name, run.task.name, folder)
    else:
        names = list(dict.fromkeys(row.algorithm for row in scores_by_game(judge.name, folder)))
    own = published.agents.get(run.variant.variant, "")
    versions = judge.layout == "agents and versions"
    others = [name for name in names if not _is_one_agent(name, own, versions) and name not in judge.not_trained]
    found = [find_counterpart_of(published.source, name, run, references, folder) for name in others]
    return [one for one in found if isinstance(one, Counterpart)]


def _is_one_agent(name: str, other: str, versions: bool) -> bool:
    """Return whether two names of a source are of one agent; where it has several versions, they follow a comma."""
    return name.partition(", ")[0] == other.partition(", ")[0] if versions else name == other


def find_counterpart_of(
    source: str, agent: str | None, run: Run, references: ReferenceSet, folder: Path = PUBLISHED
) -> Counterpart | str:
    """Find the number of an agent by the source's own name of it; None is an agent that it has no name for."""
    judge = find_judge(source, folder)
    if judge.layout == "curves":
        return _on_curve(judge, agent, run, references, folder)
    return _by_game(judge, agent, run, references, folder)


def _one_number(
    agent: str, score: float, run: Run, references: ReferenceSet, judge: Judge, folder: Path
) -> Counterpart:
    """Return the counterpart of a score whose spread between runs was not published."""
    above_random = score - references.random[run.task.name]
    try:
        deviation = stand_in_cv(judge.name, run.task.name, run.training_frames, folder) * above_random
    except ReplicationError:
        deviation = 0.0
    return Counterpart(agent, score, 1, None, deviation**2 or None)


def _by_game(judge: Judge, agent: str | None, run: Run, references: ReferenceSet, folder: Path) -> Counterpart | str:
    """Find the counterpart in a source that prints a score for each game and agent."""
    if agent is None:
        return "nothing was published for this agent"
    scores = [row for row in scores_by_game(judge.name, folder) if row.algorithm == agent]
    found = next((row for row in scores if row.game == run.task.name), None)
    if found is None:
        return f"{judge.name} has no score of {agent} for {run.task.name}"
    recipe = find_recipe(judge.name, agent, folder)
    if reason := _another_protocol(judge, found, recipe, run, references):
        return reason
    if not run.family.trains:
        if recipe.num_episodes is None:
            return "the published score does not state its number of episodes"
        printed = half_unit(row.score for row in scores)
        return Counterpart(agent, found.score, 1, None, None, recipe.num_episodes, printed)
    frames = run.training_frames
    if found.frames_millions is None:
        return "the published score does not state its number of frames"
    if frames != round(found.frames_millions * 1e6):
        return (
            f"the published score is at {found.frames_millions:g} million frames, this run has {frames / 1e6:g} million"
        )
    runs = found.runs or recipe.count
    if found.std is None or runs is None or recipe.spread != SPREAD_OF_RUNS:
        return _one_number(agent, found.score, run, references, judge, folder)
    return Counterpart(agent, found.score, runs, found.std**2, None)


def _another_protocol(
    judge: Judge, found: PublishedScore, recipe: Recipe, run: Run, references: ReferenceSet
) -> str | None:
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
    if recipe.epsilon is not None and recipe.epsilon != run.final_epsilon(final):
        return f"the published score is at epsilon {recipe.epsilon:g}, this run's at {run.final_epsilon(final):g}"
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
        return _one_number(agent, point.score, run, references, judge, folder)
    return Counterpart(agent, point.score, point.runs, point.std**2, None)
