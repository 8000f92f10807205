"""Aggregates over games, a row an agent and statistic: ours with an interval over seeds, the published one, a verdict.

Source: Agarwal et al. 2021, Section 4; the published medians and means are those of aggregates.csv and
atari100k_aggregates.csv.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from replication.analysis.agent_scores import AgentScores, coverage_texts, trained_agents
from replication.analysis.aggregate_counterparts import AggregateCounterpart, find_aggregate, rival_aggregates
from replication.analysis.aggregates import RESAMPLES, STATISTICS, bootstrap_interval, resampled
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.judged_aggregates import (
    AggregateComparison,
    aggregate_family,
    aggregate_severity,
    compare_aggregate,
)
from replication.analysis.verdict_conventions import Family, look_factor
from replication.analysis.verdict_rule import no_reference
from replication.published.references import ReferenceSet, reference_set
from replication.report.tables.columns import interval as interval_column
from replication.report.tables.columns import number, part, text
from replication.report.tables.table import Table
from replication.report.tables.verdict_columns import (
    REASON,
    RULE_TEXT,
    SHARE,
    VERDICT,
    WRONG_AGENTS,
    severity_data,
    verdict_data,
)
from replication.specification.experiments import Experiment

NEEDS = {
    "scores": "normalized",
    "published": {"atari100k_scores": {"aggregates": "atari100k_aggregates.csv: algorithm, version"}},
}
_COLUMNS = (
    text("agent"),
    text("statistic"),
    number("ours %", "ours"),
    number("published %", "published", missing=""),
    *SHARE,
    VERDICT,
    REASON,
    *WRONG_AGENTS,
    part("games", "games_finished", "games"),
    number("runs a game", "runs_per_game", digits=0),
    interval_column("95 % interval", "ours"),
    number("ours, paper's convention %", "ours_by_convention", missing=""),
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
    compared = {
        (agent.title, name): compare_aggregate(agent, name, counterpart, references)
        for agent in agents
        for name in STATISTICS
        if isinstance(counterpart := found[agent.title, name], AggregateCounterpart)
    }
    family = aggregate_family(compared.values(), look_factor(experiment.looks))
    rows = [
        _row(agent, name, found[agent.title, name], compared.get((agent.title, name)), family, interval)
        | _severity(experiment, agent, name, compared.get((agent.title, name)), family)
        for agent in agents
        for name, interval in _intervals(agent).items()
    ]
    counterparts = [one for one in found.values() if isinstance(one, AggregateCounterpart)]
    covered = str(coverage(experiment, finished))
    caption = _caption(experiment, agents, references, covered, counterparts, family)
    return Table("aggregates", pd.DataFrame(rows), caption, columns=_COLUMNS)


def _intervals(agent: AgentScores) -> dict[str, tuple[float, float] | None]:
    """Return the interval of each statistic; None for one run a game, whose resamples are all the same."""
    if agent.scores is None or agent.runs < 2:
        return dict.fromkeys(STATISTICS)
    resamples = resampled(agent.scores, np.random.default_rng(0))
    bounds = {name: bootstrap_interval(statistic(resamples)) for name, statistic in STATISTICS.items()}
    return {name: (float(low), float(high)) for name, (low, high) in bounds.items()}


def _severity(
    experiment: Experiment, agent: AgentScores, name: str, one: AggregateComparison | None, family: Family
) -> dict[str, Any]:
    """Return by column which other agents' aggregates ours would have passed for, or does not rule out."""
    if one is None or one.comparison is None or one.ours is None or experiment.published is None:
        return severity_data((), (), 0)
    rivals = rival_aggregates(experiment.published, agent, name)
    found = aggregate_severity(one.comparison, rivals, name, family)
    return severity_data(found.would_have_passed, found.not_ruled_out, len(rivals) - len(found.not_tried))


def _row(
    agent: AgentScores,
    name: str,
    counterpart: AggregateCounterpart | str,
    comparison: AggregateComparison | None,
    family: Family,
    interval: tuple[float, float] | None,
) -> dict[str, Any]:
    verdict, published, convention = no_reference(str(counterpart)), None, None
    ours = None if agent.scores is None else float(STATISTICS[name](agent.scores))
    if isinstance(counterpart, AggregateCounterpart) and comparison is not None:
        verdict, published = comparison.verdict(family), counterpart.percent
        moved = comparison.ours is not None and ours is not None and not math.isclose(comparison.ours, ours)
        convention = comparison.ours if moved else None
    low, high = interval or (None, None)
    return {
        "agent": agent.title,
        "statistic": name,
        "games_finished": len(agent.used),
        "games": len(agent.cells),
        "runs_per_game": agent.runs,
        "ours": ours,
        "ours_low": low,
        "ours_high": high,
        "published": published,
        "ours_by_convention": convention,
        **verdict_data(verdict, family),
    }


def _caption(
    experiment: Experiment,
    agents: Sequence[AgentScores],
    references: ReferenceSet,
    covered: str,
    counterparts: Sequence[AggregateCounterpart],
    family: Family,
) -> str:
    parts = [
        f"{experiment.title}: normalized scores aggregated over games. {covered} finished.",
        *coverage_texts(agents, references),
        f"Normalized by the references of {references.source}; 100 is a human tester. Median and mean are of the "
        "games' means, the interquartile mean is of the middle half of all runs of all games, the optimality gap is "
        "how far runs stay below 100 on average (less is better).",
        f"Intervals: 95 %, stratified bootstrap ({RESAMPLES:,} resamples of the runs within each game, fixed seed): "
        "they say how seeds vary, not games or episodes, and with few seeds they are too narrow; one run a game has "
        "none.",
    ]
    if counterparts:
        parts += [
            "A published aggregate is compared on exactly its games, at its protocol and frames. Its floor is random "
            "play in every game: 0, and 100 for the optimality gap. Its error is that of the aggregate when every run "
            "of every game is drawn anew, by the spread between runs that was published, else stood in for.",
            RULE_TEXT,
            f"The errors of 5 % hold over {family.comparisons} comparison{'s' * (family.comparisons != 1)}. An "
            "aggregate says less than its games: tables that differ in every game may have the same.",
        ]
        if any(one.convention is not None and one.convention.pinball_random_zero for one in counterparts):
            parts.append(
                "The paper takes the random score of Video Pinball as 0 in its mean, which it does not say; for that "
                "comparison ours does too."
            )
    else:
        parts.append("No aggregate is published for exactly these games, agents, protocol and frames.")
    return " ".join(parts)
