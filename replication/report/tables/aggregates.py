"""Aggregates over games, a row an agent and statistic: ours with an interval over seeds, the published one, a verdict.

Source: Agarwal et al. 2021, Section 4; the published medians and means are those of aggregates.csv and
atari100k_aggregates.csv.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from replication.analysis.agent_scores import AgentScores, coverage_texts, trained_agents
from replication.analysis.aggregate_counterparts import AggregateCounterpart, find_aggregate, judge_aggregate
from replication.analysis.aggregates import RESAMPLES, STATISTICS, bootstrap_interval, resampled
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.intervals import family_level
from replication.analysis.verdicts import LEVEL, no_reference
from replication.published.references import ReferenceSet, reference_set
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment

NEEDS = {
    "scores": "normalised",
    "published": {"atari100k_scores": {"aggregates": "atari100k_aggregates.csv: algorithm, version"}},
}
_COLUMNS = (
    "agent",
    "statistic",
    "games",
    "runs a game",
    "ours %",
    "95 % interval",
    "published %",
    "ours, paper's convention %",
    "margin",
    "verdict",
    "reason",
)


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table of an experiment's trained agents; what is missing is shown as missing.

    Raises:
        ReplicationError: a damaged run file.
    """
    references = reference_set(experiment.reference_set)
    agents = finished.once(trained_agents)
    found = {
        (agent.title, name): find_aggregate(experiment, agent, name, references)
        for agent in agents
        for name in STATISTICS
    }
    counterparts = [one for one in found.values() if isinstance(one, AggregateCounterpart)]
    judged = len(counterparts)
    level = family_level(LEVEL, judged)
    rows = [
        _row(agent, name, found[agent.title, name], references, level, interval)
        for agent in agents
        for name, interval in _intervals(agent).items()
    ]
    covered = str(coverage(experiment, finished))
    caption = _caption(experiment, agents, references, covered, counterparts)
    return Table("aggregates", pd.DataFrame(rows, columns=list(_COLUMNS)), caption)


def _intervals(agent: AgentScores) -> dict[str, tuple[float, float] | None]:
    """Return the interval of each statistic; None for one run a game, whose resamples are all the same."""
    if agent.scores is None or agent.runs < 2:
        return dict.fromkeys(STATISTICS)
    resamples = resampled(agent.scores, np.random.default_rng(0))
    bounds = {name: bootstrap_interval(statistic(resamples)) for name, statistic in STATISTICS.items()}
    return {name: (float(low), float(high)) for name, (low, high) in bounds.items()}


def _row(
    agent: AgentScores,
    name: str,
    counterpart: AggregateCounterpart | str,
    references: ReferenceSet,
    level: float,
    interval: tuple[float, float] | None,
) -> dict[str, str]:
    verdict, published, convention = no_reference(str(counterpart)), "", ""
    if isinstance(counterpart, AggregateCounterpart):
        judged = judge_aggregate(agent, name, counterpart, references, level)
        verdict, published = judged.verdict, f"{counterpart.percent:z,.1f}"
        convention = "" if judged.ours is None else f"{judged.ours:z,.1f}"
    ours = "missing" if agent.scores is None else f"{float(STATISTICS[name](agent.scores)):z,.1f}"
    convention = "" if convention == ours else convention
    shown = "missing" if agent.scores is None else "none"
    if interval is not None:
        shown = f"{interval[0]:z,.1f} to {interval[1]:z,.1f}"
    return dict(
        zip(
            _COLUMNS,
            (
                agent.title,
                name,
                agent.coverage(),
                str(agent.runs),
                ours,
                shown,
                published,
                convention,
                "" if verdict.margin is None else f"{verdict.margin:.1f}",
                verdict.word,
                verdict.reason,
            ),
            strict=True,
        )
    )


def _caption(
    experiment: Experiment,
    agents: Sequence[AgentScores],
    references: ReferenceSet,
    covered: str,
    counterparts: Sequence[AggregateCounterpart],
) -> str:
    parts = [
        f"{experiment.title}: normalised scores aggregated over games. {covered} finished.",
        *coverage_texts(agents, references),
        f"Normalised by the references of {references.source}; 100 is a human tester. Median and mean are of the "
        "games' means, the interquartile mean is of the middle half of all runs of all games, the optimality gap is "
        "how far runs stay below 100 on average (less is better).",
        f"Intervals: 95 %, stratified bootstrap ({RESAMPLES:,} resamples of the runs within each game, fixed seed): "
        "they say how seeds vary, not games or episodes, and with few seeds they are too narrow; one run a game has "
        "none.",
    ]
    if counterparts:
        judged = len(counterparts)
        parts.append(
            "A published aggregate is compared on exactly its games, at its protocol and frames. The error of the "
            "difference adds both sides, each as if all its runs were drawn anew. The margin is 10 points or a quarter "
            f"of the published aggregate. The {judged} comparison{'s' * (judged > 1)} hold together at 95 %. An "
            "aggregate says less than its games: tables that differ in every game may have the same."
        )
        if any(one.convention is not None and one.convention.pinball_random_zero for one in counterparts):
            parts.append(
                "The paper takes the random score of Video Pinball as 0 in its mean, which it does not say; for that "
                "comparison ours does too."
            )
    else:
        parts.append("No aggregate is published for exactly these games, agents, protocol and frames.")
    return " ".join(parts)
