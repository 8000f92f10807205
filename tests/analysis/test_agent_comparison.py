"""Two agents of ours beside each other: differences by task, and how often one beats the other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from replication.analysis.agent_comparison import difference, improvement

OURS = {1: 3.0, 2: 5.0, 3: 4.5, 4: 7.0}
THEIRS = {1: 2.0, 2: 4.5, 3: 3.0, 4: 5.5}


def test_runs_of_the_same_seeds_are_paired() -> None:
    found = difference(OURS, THEIRS)
    expected = stats.ttest_rel(list(OURS.values()), list(THEIRS.values())).confidence_interval(0.95)
    assert found.paired and (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.mean == pytest.approx(1.125) and found.word == "better"


def test_runs_of_other_seeds_are_compared_by_welch_and_each_interval_widens_with_their_number() -> None:
    theirs = {seed + 10: score for seed, score in THEIRS.items()}
    found = difference(OURS, theirs)
    one, other = list(OURS.values()), list(theirs.values())
    expected = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    assert not found.paired and (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.word == "not told apart"
    wider = stats.ttest_ind(one, other, equal_var=False).confidence_interval(1 - 0.05 / 10)
    assert difference(OURS, theirs, comparisons=10).low == pytest.approx(wider.low)


def test_the_probability_is_the_mann_whitney_statistic() -> None:
    found = difference(OURS, {5: 4.5, 6: 1.0})
    assert found.probability == stats.mannwhitneyu([*OURS.values()], [4.5, 1.0]).statistic / 8


def test_one_run_has_no_interval_and_no_word() -> None:
    found = difference({1: 10.0}, THEIRS)
    assert np.isnan(found.low) and found.word == "too few runs"
    assert improvement([({1: 10.0}, THEIRS), (OURS, THEIRS)]).word == "too few runs"


def test_runs_that_are_all_alike_are_told_apart_where_they_differ() -> None:
    assert difference({1: 2.0, 2: 2.0}, {1: 1.0, 2: 1.0}).word == "better"
    assert difference({1: 1.0, 2: 1.0}, {3: 1.0, 4: 1.0}).word == "not told apart"


def test_the_interval_over_tasks_covers_the_truth_as_often_as_it_says() -> None:
    stream, inside = np.random.default_rng(7), 0
    truth = float(stats.norm.cdf(0.5 / np.sqrt(2)))
    for _ in range(200):
        pairs = [
            (dict(enumerate(stream.normal(0.5, 1.0, 10))), dict(enumerate(stream.normal(0.0, 1.0, 10)))) for _ in "123"
        ]
        found = improvement(pairs)
        inside += found.low <= truth <= found.high
    assert inside >= 180  # 95 % in the limit; a bootstrap of ten runs falls somewhat short


def test_two_agents_of_one_kind_are_seldom_told_apart() -> None:
    stream = np.random.default_rng(8)
    words = [difference(_normal(stream, 4), _normal(stream, 4)).word for _ in range(400)]
    assert words.count("not told apart") >= 370


def _normal(stream: np.random.Generator, runs: int) -> dict[int, float]:
    return dict(enumerate(stream.normal(size=runs)))
