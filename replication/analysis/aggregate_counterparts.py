"""The published aggregate over games of the same agent, games, protocol and frames, and the verdict against it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from replication.analysis.agent_scores import AgentScores
from replication.analysis.aggregates import STATISTICS, Scores, score_matrix
from replication.analysis.intervals import Estimate
from replication.analysis.published_counterparts import Counterpart, find_counterpart
from replication.analysis.table_verdicts import Spreads, aggregate_estimate, own_spreads, stand_in_spreads
from replication.analysis.verdicts import Verdict, judge
from replication.foundation.errors import ReplicationError
from replication.published.aggregates import conventional_score, published_aggregates
from replication.published.judges import find_judge
from replication.published.loader import published_table
from replication.published.references import ReferenceSet, normalized_score, reference_set
from replication.published.schemas import Convention
from replication.specification.experiments import Experiment, PublishedSource

_SHARE_COLUMNS = {
    "median": "published_median",
    "interquartile mean": "iqm_recomputed",
    "mean": "published_mean",
    "optimality gap": "recomputed_optimality_gap",
}
"""Columns of a source's own table of aggregates, in shares of one."""
_NORMAL_95 = 1.959964


@dataclass(frozen=True)
class AggregateCounterpart:
    """A published aggregate in percent.

    Attributes:
        percent: the aggregate.
        convention: how the paper normalises for it; None: as everywhere here.
        scores: game to published raw score; empty where the aggregate alone is published.
        published: the source's counterparts game by game, for their spread between runs.
        standard_error: of the aggregate, in percent, where its interval was published.
    """

    percent: float
    convention: Convention | None
    scores: Mapping[str, float]
    published: Mapping[str, Counterpart]
    standard_error: float | None = None


def find_aggregate(
    experiment: Experiment, agent: AgentScores, statistic: str, references: ReferenceSet
) -> AggregateCounterpart | str:
    """Find the published aggregate for an agent of an experiment, or say in one sentence why there is none."""
    source = experiment.published
    if source is None:
        return "the experiment names no published source"
    variant = agent.run.variant.variant
    alone = variant in source.aggregates and variant not in source.agents
    asked = source
    if alone:  # no scores by game: those of any agent of the source have its protocol and frames
        asked = source.model_copy(update={"agents": {variant: source.algorithm}})
    by_game: dict[str, Counterpart] = {}
    for cell in agent.cells:
        found = find_counterpart(asked, cell.run, references)
        if isinstance(found, str):
            return found
        by_game[cell.run.task.name] = found
    own = find_judge(source.source).aggregates
    if own:
        name = source.aggregates.get(variant) or source.agents[variant]
        return _of_own_table(own, name, statistic, {} if alone else by_game)
    return _of_paper(source, agent, statistic, by_game)


def shown_beside_ours(counterpart: AggregateCounterpart, statistic: str, references: ReferenceSet) -> float:
    """Return the published aggregate to draw beside ours, which is normalised by `references` alone, in percent.

    It is the published number. Where the paper's convention moves that, it is the aggregate of the published scores
    game by game without the convention, since otherwise the two would differ by the random score of one game.
    """
    if counterpart.convention is None or not counterpart.scores:
        return counterpart.percent
    by_convention = score_matrix(
        {g: [_normalized(score, g, counterpart.convention, references)] for g, score in counterpart.scores.items()}
    )
    alike = score_matrix({g: [normalized_score(score, g, references)] for g, score in counterpart.scores.items()})
    aggregate = STATISTICS[statistic]
    moved = not math.isclose(float(aggregate(by_convention)), float(aggregate(alike)), abs_tol=1e-9)
    return float(aggregate(alike)) if moved else counterpart.percent


SHOWN_TEXT = (
    "Where the paper's own convention moves it (its mean takes the random score of Video Pinball as 0), the "
    "published aggregate is drawn as that of its scores game by game, normalised as ours; the table of aggregates "
    "has the printed number."
)


def _of_paper(
    source: PublishedSource, agent: AgentScores, statistic: str, by_game: Mapping[str, Counterpart]
) -> AggregateCounterpart | str:
    wanted = (source.source, source.agents.get(agent.run.variant.variant, ""))
    games = {cell.run.task.name for cell in agent.cells}
    same = [one for one in published_aggregates() if one.source == wanted and one.statistic == statistic]
    found = next((one for one in same if set(one.scores) == games), None)
    if found is not None:
        return AggregateCounterpart(found.percent, found.convention, found.scores, by_game)
    if same:
        return f"the published {statistic} is over {len(same[0].scores)} games, not exactly these {len(games)}"
    return f"no {statistic} over these games is published, or none that the published scores confirm"


def _of_own_table(
    file: str, name: str, statistic: str, by_game: Mapping[str, Counterpart]
) -> AggregateCounterpart | str:
    algorithm, _, version = name.partition(", ")
    table = published_table(file).set_index(["algorithm", "version"]).to_dict("index")
    if (algorithm, version) not in table:
        raise ReplicationError(
            f"{file}.csv: found no row {algorithm}, {version}, expected 'algorithm, version' of one of "
            "its rows; correct published.aggregates of the experiment"
        )
    row = table[algorithm, version]
    share = float(row[_SHARE_COLUMNS[statistic]])
    if math.isnan(share):
        return f"no {statistic} of {algorithm}, {version} is published"
    error = None
    if statistic == "interquartile mean" and not math.isnan(float(row["iqm_ci95_low"])):
        error = 100.0 * (float(row["iqm_ci95_high"]) - float(row["iqm_ci95_low"])) / (2.0 * _NORMAL_95)
    scores = {game: found.score for game, found in by_game.items()}
    return AggregateCounterpart(100.0 * share, None, scores, by_game, error)


@dataclass(frozen=True)
class JudgedAggregate:
    """A verdict on an aggregate, and ours by the published one's convention, in percent; None where it is missing."""

    verdict: Verdict
    ours: float | None


def judge_aggregate(
    agent: AgentScores, statistic: str, counterpart: AggregateCounterpart, references: ReferenceSet, level: float
) -> JudgedAggregate:
    """Compare an agent's aggregate with the published one; every game must have a finished run."""
    if not agent.used:
        return JudgedAggregate(Verdict("not run", "no run is finished"), None)
    if not agent.complete:
        waits = f"the published aggregate is over {len(agent.cells)} games, {len(agent.used)} have a finished run"
        return JudgedAggregate(Verdict("inconclusive", waits), None)
    matrix = _matrix(agent, counterpart.convention, references)
    value, means = float(STATISTICS[statistic](matrix)), matrix.mean(axis=0).tolist()
    published = {
        game: _normalized(score, game, counterpart.convention, references) for game, score in counterpart.scores.items()
    }
    coefficients = {game: _coefficient(counterpart.published.get(game)) for game in agent.games}
    own = own_spreads(matrix)
    ours = own or (
        stand_in_spreads({game: published[game] for game in agent.games}, coefficients, 1) if published else None
    )
    if ours is None:
        why = "one run a game, and no spread between runs of this agent is published to stand in"
        return JudgedAggregate(Verdict("inconclusive", why), value)
    theirs, stand_in = _published_estimate(statistic, counterpart, published, coefficients, agent, means, ours)
    mine = aggregate_estimate(statistic, value, means, ours)
    return JudgedAggregate(judge(mine, theirs, level, stand_in=stand_in or own is None), value)


def _published_estimate(
    statistic: str,
    counterpart: AggregateCounterpart,
    published: Mapping[str, float],
    coefficients: Mapping[str, float | None],
    agent: AgentScores,
    means: Sequence[float],
    ours: Spreads,
) -> tuple[Estimate, bool]:
    """Return the published aggregate with its error, and whether a spread was stood in for."""
    if counterpart.standard_error is not None:
        return Estimate(counterpart.percent, counterpart.standard_error, math.inf), False
    if not published:  # the aggregate alone: our own spread, as if of one run a game
        alone = Spreads(ours.deviations, 1, ours.estimated_from)
        return aggregate_estimate(statistic, counterpart.percent, means, alone), True
    errors = [counterpart.published[game].error for game in agent.games]
    if all(error is not None for error in errors):
        runs = min(round(error[1]) + 1 for error in errors if error is not None)
        deviations = np.array([counterpart.published[game].between_runs for game in agent.games], dtype=np.float64)
        spreads: Spreads | None = Spreads(deviations, runs, runs)
    else:
        spreads = stand_in_spreads({game: published[game] for game in agent.games}, coefficients, 1)
    spreads = spreads or Spreads(ours.deviations, 1, ours.estimated_from)
    values = [published[game] for game in agent.games]
    return aggregate_estimate(statistic, counterpart.percent, values, spreads), spreads.estimated_from is None


def _matrix(agent: AgentScores, convention: Convention | None, references: ReferenceSet) -> Scores:
    return score_matrix(
        {
            cell.run.task.name: [
                _normalized(score, cell.run.task.name, convention, references) for score in cell.scores[: agent.runs]
            ]
            for cell in agent.used
        }
    )


def _normalized(score: float, game: str, convention: Convention | None, references: ReferenceSet) -> float:
    if convention is None:
        return normalized_score(score, game, references)
    return conventional_score(score, game, convention, reference_set(convention.references))


def _coefficient(published: Counterpart | None) -> float | None:
    """Return the coefficient of variation between runs, as published or as stood in for the score of the game."""
    if published is None or published.between_runs is None or not published.normalized:
        return None
    return published.between_runs / abs(published.normalized)
