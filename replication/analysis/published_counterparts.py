"""Which published number a run may be compared with: the same agent, protocol, game and number of frames, or none."""

from __future__ import annotations

import math
from dataclasses import dataclass

from replication.analysis.intervals import Estimate
from replication.errors import ReplicationError
from replication.experiments import PublishedSource
from replication.published import (
    ReferenceSet,
    between_run_cv,
    dopamine_curve,
    normalized_score,
    published_table,
)
from replication.runs import Run

NATURE_FRAMES = 200_000_000
NATURE_EPISODES = 30


@dataclass(frozen=True)
class Counterpart:
    """A published score in its own units and normalised, with what is known of its error.

    between_runs: standard deviation between training runs in normalised points, stood in from Dopamine's curves of
        the same game; None where there is no such curve. error: standard error of the published mean in normalised
        points and its degrees of freedom, where runs were published; None where one number was.
    """

    score: float
    normalized: float
    between_runs: float | None
    error: tuple[float, float] | None
    of_episodes: bool

    @property
    def stand_in(self) -> bool:
        """Whether the published side's spread is stood in for."""
        return self.error is None

    def estimate_beside(self, ours: Estimate, values: int) -> Estimate | None:
        """The published mean with its standard error.

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
    """The published number for a run, or one sentence that says why there is none."""
    if published is None:
        return "the experiment names no published source"
    if run.preset is not None:
        return f"preset {run.preset.preset} departs from the published schedules"
    if published.source == "dopamine_curves":
        return _dopamine(published, run, references)
    if published.source == "nature_2015_table2":
        return _nature(run, references)
    return f"no rule says how {published.source} compares with these runs"


def _nature(run: Run, references: ReferenceSet) -> Counterpart | str:
    if run.protocol.protocol != "nature":
        return f"the published scores are of protocol nature, not {run.protocol.protocol}"
    table = published_table("nature_2015_table2").set_index("game").to_dict("index")
    if run.game not in table:
        return f"{run.game} is not in the published table"
    if run.variant.variant == "random_10hz":
        score = float(table[run.game]["random"])
        return Counterpart(score, normalized_score(score, run.game, references), None, None, of_episodes=True)
    if run.variant.variant not in ("dqn", "dqn_paper"):
        return "nothing was published for this agent"
    frames = run.budget.steps * run.protocol.training.frame_skip
    if frames != NATURE_FRAMES:
        return f"the published score is at 200 million frames, this run has {frames / 1e6:g} million"
    score = float(table[run.game]["dqn_mean"])
    normalized = normalized_score(score, run.game, references)
    # The printed deviation is over the episodes of one network; a deviation between runs was not published.
    try:
        between = between_run_cv(run.game) * abs(normalized)
    except ReplicationError:
        between = None
    return Counterpart(score, normalized, between, None, of_episodes=False)


def _dopamine(published: PublishedSource, run: Run, references: ReferenceSet) -> Counterpart | str:
    if (run.variant.variant, run.protocol.protocol) != ("dqn_dopamine", "sticky"):
        return "the published curve is of Dopamine's DQN under protocol sticky"
    try:
        curve = dopamine_curve(run.game, published.algorithm).set_index("frames_millions").to_dict("index")
    except ReplicationError as error:
        return str(error)
    if run.budget.iterations not in curve:
        return f"the published curve has no point at iteration {run.budget.iterations}"
    point = curve[run.budget.iterations]
    scale = normalized_score(1.0, run.game, references) - normalized_score(0.0, run.game, references)
    count = float(point["runs"])
    spread = abs(float(point["score_std"]) * scale)
    score = float(point["score_mean"])
    return Counterpart(
        score,
        normalized_score(score, run.game, references),
        spread,
        (spread / math.sqrt(count), count - 1),
        of_episodes=False,
    )
