"""The verdict on a whole table: our aggregate over games beside the published one, on exactly its games.

It is the rule of a game's verdict. The floor of an aggregate is that of random play in every game: 0, and 100 for the
optimality gap, of which less is better. A run of an aggregate is one run of every game.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from replication.analysis.agent_scores import AgentScores
from replication.analysis.aggregate_counterparts import (
    AggregateCounterpart,
    RivalAggregate,
    aggregate_matrix,
    normalized_by,
)
from replication.analysis.aggregates import STATISTICS, Scores
from replication.analysis.published_counterparts import Counterpart
from replication.analysis.severity import Rival, Severity, severity
from replication.analysis.table_verdicts import Spreads, aggregate_error, own_spreads, stand_in_spreads
from replication.analysis.verdict_conventions import Family
from replication.analysis.verdict_rule import Comparison, Runs, Verdict, judge, not_run
from replication.published.references import ReferenceSet

_FLOORS = {name: 100.0 if name == "optimality gap" else 0.0 for name in STATISTICS}
"""The aggregate of random play in every game, percent."""


@dataclass(frozen=True)
class AggregateComparison:
    """Our aggregate beside a published one.

    Attributes:
        ours: by the published one's convention, percent; None where not every game has a finished run.
        comparison: both above the floor; where ours is None, ours is one run at the floor. None: no spread is known.
        reason: why there is no comparison yet.
    """

    ours: float | None
    comparison: Comparison | None
    reason: str = ""

    def verdict(self, family: Family) -> Verdict:
        """Return the verdict in a family of comparisons."""
        if self.comparison is None or self.ours is None:
            return Verdict("inconclusive", self.reason) if self.reason else not_run()
        return judge(self.comparison, family)


def aggregate_severity(
    comparison: Comparison, rivals: Sequence[RivalAggregate], statistic: str, family: Family
) -> Severity:
    """Put other agents' aggregates in the published one's place; a stand-in spread is as large a part of each."""
    floor = _FLOORS[statistic]
    tried = []
    for rival in rivals:
        above = -(rival.percent - floor) if floor else rival.percent
        if rival.standard_error is not None:
            side, stand_in = Runs(above, rival.runs, rival.runs * rival.standard_error**2), None
        else:
            variance = comparison.stand_in_variance or comparison.published.variance
            side = Runs(above, 1, None)
            stand_in = None if not variance else variance * (above / comparison.published.mean) ** 2 or None
        tried.append(Rival(rival.name, side, 0.0, stand_in))
    return severity(comparison.ours, tried, family)


def compare_aggregate(
    agent: AgentScores, statistic: str, counterpart: AggregateCounterpart, references: ReferenceSet
) -> AggregateComparison:
    """Set an agent's aggregate beside the published one; every game must have a finished run."""
    floor = _FLOORS[statistic]
    sign = -1.0 if floor else 1.0
    above_floor = sign * (counterpart.percent - floor)
    if not agent.complete or agent.scores is None:
        waits = f"the published aggregate is over {len(agent.cells)} games, {len(agent.used)} have a finished run"
        published, stand_in = _published(agent, statistic, counterpart, references, None, above_floor)
        asked = _comparison(Runs(0.0, 1, None), published, stand_in)
        return AggregateComparison(None, asked, waits if agent.used else "")
    matrix = aggregate_matrix(agent, counterpart.convention, references)
    value = float(STATISTICS[statistic](matrix))
    own = own_spreads(matrix)
    variance = None
    if own is not None:
        variance = own.runs * aggregate_error(STATISTICS[statistic], matrix.mean(axis=0).tolist(), own) ** 2
    ours = Runs(sign * (value - floor), agent.runs, variance)
    published, stand_in = _published(agent, statistic, counterpart, references, matrix, above_floor)
    comparison = _comparison(ours, published, stand_in)
    why = "" if comparison else "one number was published, and no spread between runs is known that could stand in"
    return AggregateComparison(value, comparison, why)


def _comparison(ours: Runs, published: Runs, stand_in: float | None) -> Comparison | None:
    found = Comparison(ours, published, 0.0, stand_in)
    return found if found.has_spread else None


def _published(
    agent: AgentScores,
    statistic: str,
    counterpart: AggregateCounterpart,
    references: ReferenceSet,
    matrix: Scores | None,
    above_floor: float,
) -> tuple[Runs, float | None]:
    """Return the published aggregate above its floor, and the variance that stands in for an unknown one."""
    if counterpart.standard_error is not None:
        variance = counterpart.runs * counterpart.standard_error**2
        return Runs(above_floor, counterpart.runs, variance), None
    function = STATISTICS[statistic]
    scores = _normalized_scores(agent, counterpart, references)
    if len(scores) < len(agent.cells):  # the aggregate alone: our own spread stands in, as if of one run a game
        own = None if matrix is None else own_spreads(matrix)
        if own is None or matrix is None:
            return Runs(above_floor, 1, None), None
        error = aggregate_error(function, matrix.mean(axis=0).tolist(), Spreads(own.deviations, 1))
        return Runs(above_floor, 1, None), error**2 or None
    by_game = [counterpart.published[game] for game in scores]
    means = list(scores.values())
    if all(found.variance is not None and found.runs > 1 for found in by_game):
        runs = min(found.runs for found in by_game)
        deviations = [_normalized_deviation(game, counterpart.published[game], references) for game in scores]
        error = aggregate_error(function, means, Spreads(np.array(deviations), runs))
        return Runs(above_floor, runs, runs * error**2), None
    coefficients = {game: _coefficient(game, counterpart.published[game], references) for game in scores}
    spreads = stand_in_spreads(scores, coefficients, 1)
    return Runs(above_floor, 1, None), None if spreads is None else aggregate_error(function, means, spreads) ** 2


def _normalized_scores(
    agent: AgentScores, counterpart: AggregateCounterpart, references: ReferenceSet
) -> dict[str, float]:
    """Return the published scores of the agent's games, in its order, percent; those that were published."""
    games = [cell.run.task.name for cell in agent.cells]
    return {
        game: normalized_by(counterpart.scores[game], game, counterpart.convention, references)
        for game in games
        if game in counterpart.scores and game in counterpart.published
    }


def _normalized_deviation(game: str, found: Counterpart, references: ReferenceSet) -> float:
    gap = abs(references.human[game] - references.random[game])
    return 100.0 * (found.deviation or 0.0) / gap


def _coefficient(game: str, found: Counterpart, references: ReferenceSet) -> float | None:
    """Return the coefficient of variation between runs above random play, as published or stood in for."""
    above = abs(found.score - references.random[game])
    return None if found.deviation is None or not above else found.deviation / above


def aggregate_family(found: Iterable[AggregateComparison], look_factor: float) -> Family:
    """Return the family of a table's comparisons that can tell anything."""
    counted = [one for one in found if one.comparison is None or one.comparison.informative]
    return Family(len(counted), look_factor)
