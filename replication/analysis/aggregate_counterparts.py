"""The published aggregate over games of the same agent, games, protocol and frames, and the verdict against it."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from replication.analysis.agent_scores import AgentScores
from replication.analysis.aggregates import STATISTICS, Scores, score_matrix
from replication.analysis.published_counterparts import Counterpart, find_counterpart
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
        convention: how the paper normalizes for it; None: as everywhere here.
        scores: game to published raw score; empty where the aggregate alone is published.
        published: the source's counterparts game by game, for their spread between runs.
        standard_error: of the aggregate, in percent, where its interval was published; `runs`: of each game behind it.
    """

    percent: float
    convention: Convention | None
    scores: Mapping[str, float]
    published: Mapping[str, Counterpart]
    standard_error: float | None = None
    runs: int = 1


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


@dataclass(frozen=True)
class RivalAggregate:
    """The published aggregate of another agent, in percent; `standard_error` of its `runs` a game where it is known."""

    name: str
    percent: float
    standard_error: float | None
    runs: int


def rival_aggregates(source: PublishedSource, agent: AgentScores, statistic: str) -> list[RivalAggregate]:
    """List the same aggregate of the source's other agents, over as many games; other versions of one are no rivals."""
    variant = agent.run.variant.variant
    file = find_judge(source.source).aggregates
    if not file:
        own = source.agents.get(variant, "")
        return [
            RivalAggregate(one.algorithm, one.percent, None, 1)
            for one in published_aggregates()
            if one.source[0] == source.source
            and one.source[1] != own
            and one.statistic == statistic
            and set(one.scores) == {cell.run.task.name for cell in agent.cells}
        ]
    own = (source.aggregates.get(variant) or source.agents[variant]).partition(", ")[0]
    found = []
    for row in published_table(file).to_dict("records"):
        share = float(row[_SHARE_COLUMNS[statistic]])
        if row["algorithm"] != own and not math.isnan(share):
            name = f"{row['algorithm']}, {row['version']}"
            found.append(RivalAggregate(name, 100.0 * share, *_own_error(row, statistic)))
    return found


def shown_beside_ours(counterpart: AggregateCounterpart, statistic: str, references: ReferenceSet) -> float:
    """Return the published aggregate to draw beside ours, which is normalized by `references` alone, in percent.

    It is the published number. Where the paper's convention moves that, it is the aggregate of the published scores
    game by game without the convention, since otherwise the two would differ by the random score of one game.
    """
    if counterpart.convention is None or not counterpart.scores:
        return counterpart.percent
    by_convention = score_matrix(
        {g: [normalized_by(score, g, counterpart.convention, references)] for g, score in counterpart.scores.items()}
    )
    alike = score_matrix({g: [normalized_score(score, g, references)] for g, score in counterpart.scores.items()})
    aggregate = STATISTICS[statistic]
    moved = not math.isclose(float(aggregate(by_convention)), float(aggregate(alike)), abs_tol=1e-9)
    return float(aggregate(alike)) if moved else counterpart.percent


SHOWN_TEXT = (
    "Where the paper's own convention moves it (its mean takes the random score of Video Pinball as 0), the "
    "published aggregate is drawn as that of its scores game by game, normalized as ours; the table of aggregates "
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
    scores = {game: found.score for game, found in by_game.items()}
    return AggregateCounterpart(100.0 * share, None, scores, by_game, *_own_error(row, statistic))


def _own_error(row: Mapping[Hashable, Any], statistic: str) -> tuple[float | None, int]:
    """Return the standard error of an aggregate that a source's own table gives an interval of, and its runs a game."""
    low, high, runs = (float(row[name]) for name in ("iqm_ci95_low", "iqm_ci95_high", "runs"))
    if statistic != "interquartile mean" or math.isnan(low) or math.isnan(runs) or runs < 2:
        return None, 1
    return 100.0 * (high - low) / (2.0 * _NORMAL_95), int(runs)


def aggregate_matrix(agent: AgentScores, convention: Convention | None, references: ReferenceSet) -> Scores:
    """Return an agent's scores of as many runs of each game, [runs, games], by a paper's convention, percent."""
    return score_matrix(
        {
            cell.run.task.name: [
                normalized_by(score, cell.run.task.name, convention, references) for score in cell.scores[: agent.runs]
            ]
            for cell in agent.used
        }
    )


def normalized_by(score: float, game: str, convention: Convention | None, references: ReferenceSet) -> float:
    """Normalize a score as everywhere here, or by a paper's own convention for its aggregates, percent."""
    if convention is None:
        return normalized_score(score, game, references)
    return conventional_score(score, game, convention, reference_set(convention.references))
