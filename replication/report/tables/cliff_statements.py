"""What Sutton & Barto's text says of learning on the cliff (Example 6.6, Figure 6.3), tested."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from replication.analysis.bundles import BundleRecord, bundle_records
from replication.analysis.exact_references import limits_while_learning
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.intervals import Estimate
from replication.analysis.statements import Statement, above, lowest, within
from replication.report.tables.exact_limits import step_size_of
from replication.report.tables.statements import statements_table
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment

_INTERIM_EPISODES, _ASYMPTOTIC_EPISODES = 100, 100_000
_FLAT_SHARE = 0.1
"""Of the distance between the limits of Q-learning and Expected SARSA: a flat curve leaves its own by no more."""
_FIGURE = "Sutton & Barto 2018, Figure 6.3 and section 6.6; van Seijen et al. 2009"
_EXAMPLE = "Sutton & Barto 2018, Example 6.6"

_Series = dict[float, BundleRecord]
"""Records of one algorithm by step size."""


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table: a row a statement."""
    records = bundle_records(finished)
    statements = [*_of_the_example(records), *_of_the_figure(records)]
    return statements_table(
        "cliff_statements",
        f"Statements about learning on the cliff. {experiment.title}; {coverage(experiment, finished)} finished.",
        statements,
        f"Flat: within {_FLAT_SHARE:.0%} of the distance between the two exact limits of the algorithm's own limit.",
    )


def _of_the_example(records: list[BundleRecord]) -> list[Statement]:
    found = {record.run.variant.module: record for record in records if record.run.budget.episodes == 500}
    if not {"q_learning", "sarsa"} <= found.keys():
        return []
    late = {name: record.window(51, 500) for name, record in found.items()}
    early = {name: record.window(1, 10) for name, record in found.items()}
    apart, at_first = above(late["sarsa"], late["q_learning"]), above(early["sarsa"], early["q_learning"])
    return [
        Statement(
            "SARSA earns more while learning than Q-learning, in episodes 51 to 500",
            _EXAMPLE,
            (apart,),
            f"{late['sarsa'].mean:.1f} against {late['q_learning'].mean:.1f}; in the first ten episodes "
            f"{early['sarsa'].mean:.0f} against {early['q_learning'].mean:.0f}, {at_first.mean:+.0f} "
            f"± {2 * at_first.standard_error:.0f}",
        )
    ]


def _of_the_figure(records: list[BundleRecord]) -> list[Statement]:
    interim, asymptotic = (_series(records, n) for n in (_INTERIM_EPISODES, _ASYMPTOTIC_EPISODES))
    statements = []
    for what, series in (("in the first 100 episodes", interim), ("over 100,000 episodes", asymptotic)):
        if {"sarsa", "expected_sarsa"} <= series.keys():
            one, other = series["expected_sarsa"], series["sarsa"]
            statements.append(
                _above_everywhere(f"Expected SARSA is above SARSA at every step size, {what}", one, other)
            )
    if "expected_sarsa" in interim and 1.0 in interim["expected_sarsa"]:
        statements.append(_highest_at_one(interim["expected_sarsa"]))
    if {"sarsa", "q_learning"} <= interim.keys():
        text = "Q-learning is below SARSA at every step size, in the first 100 episodes"
        statements.append(_above_everywhere(text, interim["sarsa"], interim["q_learning"]))
    for module, title in (("expected_sarsa", "Expected SARSA"), ("q_learning", "Q-learning")):
        if module in asymptotic:
            statements.append(_flat(title, asymptotic[module]))
    if "sarsa" in asymptotic:
        statements.append(_falling(asymptotic["sarsa"]))
    return statements


def _series(records: list[BundleRecord], episodes: int) -> dict[str, _Series]:
    found: dict[str, _Series] = {}
    for record in records:
        if record.run.budget.episodes == episodes:
            found.setdefault(record.run.variant.module, {})[step_size_of(record.run)] = record
    return {name: dict(sorted(series.items())) for name, series in found.items()}


def _above_everywhere(text: str, one: _Series, other: _Series) -> Statement:
    differences = {size: above(one[size].score, other[size].score) for size in one if size in other}
    return Statement(text, _FIGURE, tuple(differences.values()), _least(differences))


def _least(differences: Mapping[float, Estimate]) -> str:
    worst = lowest(list(differences.values()))
    size = next(size for size, each in differences.items() if each is worst)
    return f"difference at least {worst.mean:+.2f}, at step size {size:g}, of {len(differences)}"


def _highest_at_one(series: _Series) -> Statement:
    differences = {size: above(series[1.0].score, record.score) for size, record in series.items() if size != 1.0}
    text = "Expected SARSA earns most at step size 1, in the first 100 episodes"
    return Statement(text, _FIGURE, tuple(differences.values()), f"{series[1.0].mean:.2f}; {_least(differences)}")


def _flat(title: str, series: _Series) -> Statement:
    limits = limits_while_learning(next(iter(series.values())).run)
    margin = _FLAT_SHARE * (max(limits.values()) - min(limits.values()))
    means = [record.score.mean for record in series.values()]
    comparisons = [each for record in series.values() for each in within(record.score, limits[title], margin)]
    return Statement(
        f"{title} earns the same at every step size, over 100,000 episodes",
        _FIGURE,
        tuple(comparisons),
        f"{min(means):.2f} to {max(means):.2f}; limit {limits[title]:.2f}, margin {margin:.1f}",
    )


def _falling(series: _Series) -> Statement:
    sizes = list(series)
    differences = {larger: above(series[smaller].score, series[larger].score) for smaller, larger in pairwise(sizes)}
    means = ", ".join(f"{series[size].mean:.1f}" for size in sizes)
    text = "SARSA earns less the larger its step size, over 100,000 episodes"
    return Statement(text, _FIGURE, tuple(differences.values()), f"by step size: {means}")
