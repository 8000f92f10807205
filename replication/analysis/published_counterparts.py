"""The published number that a run may be compared with: of the same agent, protocol, game and number of frames."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from replication.analysis.intervals import Estimate
from replication.foundation.errors import ReplicationError
from replication.published.curves import dopamine_curve
from replication.published.layouts import scores_by_game
from replication.published.loader import PublishedScore, published_table
from replication.published.references import ReferenceSet, normalized_score
from replication.published.spreads import stand_in_cv
from replication.specification.experiments import PublishedSource
from replication.specification.protocols import of_atari
from replication.specification.run import Run

NATURE_FRAMES = 200_000_000
NATURE_EPISODES = 30
_PROTOCOLS = {
    "nature_2015_table3_ablation": ("nature_ablation",),
    "nature_2015_table4_linear": ("nature_ablation",),
    "atari100k_scores": ("atari100k", "atari100k_drq", "atari100k_spr"),
}
"""Sources whose scores are all of one protocol of ours, or of what a variant's own program makes of it."""
_RUNS_IN = re.compile(r"standard deviation of ([0-9]+) runs")


@dataclass(frozen=True)
class Counterpart:
    """A published score in its own units and normalised, with what is known of its error.

    between_runs: standard deviation between training runs in normalised points, published or stood in for by
        `stand_in_cv`; None where neither is there. error: standard error of the published mean in normalised
        points and its degrees of freedom, where runs were published; None where one number was.
    """

    score: float
    normalized: float
    between_runs: float | None
    error: tuple[float, float] | None
    of_episodes: bool

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
        if self.of_episodes:
            spread = ours.standard_error * math.sqrt(values)
            return Estimate(self.normalized, spread / math.sqrt(NATURE_EPISODES), ours.degrees)
        return None if self.between_runs is None else Estimate(self.normalized, self.between_runs, math.inf)


def find_counterpart(published: PublishedSource | None, run: Run, references: ReferenceSet) -> Counterpart | str:
    """Find the published number for a run, or say in one sentence why there is none."""
    if published is None:
        return "the experiment names no published source"
    if run.preset is not None:
        return f"preset {run.preset.preset} departs from the published schedules"
    if published.source == "dopamine_curves":
        return _dopamine(published, run, references)
    if published.source == "nature_2015_table2":
        return _nature(run, references)
    return _by_game(published, run, references)


def stand_in_text(published: PublishedSource | None) -> str:
    """Say for a caption where a spread between runs comes from that was not published."""
    if published is not None and published.source == "atari100k_scores":
        return (
            "A stand-in spread is the median one of the agents of Atari 100k whose single runs are published, on the "
            "same game."
        )
    return "A stand-in spread is that of Dopamine's curves of the same game, after as many frames of training."


def _nature(run: Run, references: ReferenceSet) -> Counterpart | str:
    if run.protocol.protocol != "nature":
        return f"the published scores are of protocol nature, not {run.protocol.protocol}"
    table = published_table("nature_2015_table2").set_index("game").to_dict("index")
    if run.task.name not in table:
        return f"{run.task.name} is not in the published table"
    if run.variant.variant == "random_10hz":
        score = float(table[run.task.name]["random"])
        return Counterpart(score, normalized_score(score, run.task.name, references), None, None, of_episodes=True)
    if run.variant.variant not in ("dqn", "dqn_paper"):
        return "nothing was published for this agent"
    frames = run.training_frames
    if frames != NATURE_FRAMES:
        return f"the published score is at 200 million frames, this run has {frames / 1e6:g} million"
    score = float(table[run.task.name]["dqn_mean"])
    # The printed deviation is over the episodes of one network; a deviation between runs was not published.
    return _one_number(score, run, references, "nature_2015_table2")


def _one_number(score: float, run: Run, references: ReferenceSet, source: str) -> Counterpart:
    """Return the counterpart of a score whose spread between runs was not published."""
    normalized = normalized_score(score, run.task.name, references)
    try:
        between = stand_in_cv(source, run.task.name, run.training_frames) * abs(normalized)
    except ReplicationError:
        between = None
    return Counterpart(score, normalized, between, None, of_episodes=False)


def _by_game(published: PublishedSource, run: Run, references: ReferenceSet) -> Counterpart | str:
    """Find the counterpart in a source that prints a score for each game and agent."""
    algorithm = published.agents.get(run.variant.variant)
    if algorithm is None:
        return "nothing was published for this agent"
    scores = [row for row in scores_by_game(published.source) if row.algorithm == algorithm]
    found = next((row for row in scores if row.game == run.task.name), None)
    if found is None:
        return f"{published.source} has no score of {algorithm} for {run.task.name}"
    if reason := _another_protocol(found, run, references):
        return reason
    frames = run.training_frames
    if found.frames_millions is None:
        return "the published score does not state its number of frames"
    if frames != round(found.frames_millions * 1e6):
        return (
            f"the published score is at {found.frames_millions:g} million frames, this run has {frames / 1e6:g} million"
        )
    runs = _RUNS_IN.search(found.statistic)
    if found.std is None or runs is None:
        return _one_number(found.score, run, references, found.source_name)
    scale = normalized_score(1.0, run.task.name, references) - normalized_score(0.0, run.task.name, references)
    spread, count = abs(found.std * scale), float(runs[1])
    normalized = normalized_score(found.score, run.task.name, references)
    return Counterpart(found.score, normalized, spread, (spread / math.sqrt(count), count - 1), of_episodes=False)


def _another_protocol(found: PublishedScore, run: Run, references: ReferenceSet) -> str | None:
    """Say why a published score was not measured as this run is; None: it was, as far as its source says."""
    own = _PROTOCOLS.get(found.source_name)
    if own is not None:
        fits = run.protocol.protocol == own[0] or run.protocol.protocol == run.variant.protocol in own
        return None if fits else f"the published scores are of protocol {own[0]}"
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


def _dopamine(published: PublishedSource, run: Run, references: ReferenceSet) -> Counterpart | str:
    agent = published.agents.get(run.variant.variant)
    if agent is None:
        return "no published curve is named for this agent"
    if run.protocol.protocol != "sticky":
        return f"the published curves are of protocol sticky, not {run.protocol.protocol}"
    try:
        curve = dopamine_curve(run.task.name, agent).set_index("frames_millions").to_dict("index")
    except ReplicationError as error:
        return str(error)
    if run.budget.iterations not in curve:
        return f"the published curve has no point at iteration {run.budget.iterations}"
    point = curve[run.budget.iterations]
    scale = normalized_score(1.0, run.task.name, references) - normalized_score(0.0, run.task.name, references)
    count = float(point["runs"])
    spread = abs(float(point["score_std"]) * scale)
    score = float(point["score_mean"])
    return Counterpart(
        score,
        normalized_score(score, run.task.name, references),
        spread,
        (spread / math.sqrt(count), count - 1),
        of_episodes=False,
    )
