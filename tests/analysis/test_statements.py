"""Statements of a text: how probable it is that they are wrong, and how seldom the test says so wrongly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from replication.analysis.intervals import Estimate
from replication.analysis.statements import Statement, above, probability_text, within


def statement(*comparisons: Estimate) -> Statement:
    return Statement("one is above the other", "a book", comparisons, "")


def test_one_comparison_is_wrong_with_the_tail_of_student_s_distribution() -> None:
    assert statement(Estimate(2.0, 1.0, 9)).wrong == pytest.approx(stats.t.cdf(-2.0, 9))
    assert statement(Estimate(0.0, 1.0, 9)).wrong == pytest.approx(0.5)


def test_tails_are_added_and_one_that_fails_is_enough() -> None:
    sure, open_, opposite = Estimate(9.0, 1.0, 99), Estimate(0.5, 1.0, 99), Estimate(-9.0, 1.0, 99)
    assert statement(sure, sure).word == "replicated"
    assert statement(sure, open_).word == "inconclusive"
    assert statement(sure, opposite).word == "differs"
    assert statement().word == "not run"
    assert statement(opposite, opposite).wrong == 1.0


def test_what_does_not_scatter_is_certain() -> None:
    assert statement(Estimate(1.0, 0.0, 9)).wrong == 0.0 and statement(Estimate(0.0, 0.0, 9)).wrong == 1.0


def test_a_difference_has_welch_s_degrees_of_freedom() -> None:
    stream = np.random.default_rng(1)
    one, other = stream.normal(1.0, 3.0, 12), stream.normal(0.0, 1.0, 30)
    sides = [Estimate(float(x.mean()), float(x.std(ddof=1) / math.sqrt(len(x))), len(x) - 1) for x in (one, other)]
    expected = stats.ttest_ind(one, other, equal_var=False, alternative="greater")
    assert statement(above(*sides)).wrong == pytest.approx(expected.pvalue)


def test_a_mean_within_a_margin_is_two_comparisons() -> None:
    inside = within(Estimate(-20.9, 0.02, 9), -20.7, 3.0)
    assert [each.mean for each in inside] == pytest.approx([2.8, 3.2]) and statement(*inside).word == "replicated"
    assert statement(*within(Estimate(-25.0, 0.02, 9), -20.7, 3.0)).word == "differs"


@pytest.mark.parametrize("comparisons", [1, 5])
def test_a_false_statement_is_seldom_said_to_be_replicated(comparisons: int) -> None:
    """At the border of being true: all but one hold for certain, and the last difference is 0."""
    stream, wrong = np.random.default_rng(2), 0
    for _ in range(4_000):
        sample = stream.normal(size=10)
        last = Estimate(float(sample.mean()), float(sample.std(ddof=1) / math.sqrt(10)), 9)
        wrong += statement(*[Estimate(50.0, 1.0, 9)] * (comparisons - 1), last).word == "replicated"
    assert wrong / 4_000 <= 0.06


def test_a_probability_in_words() -> None:
    assert probability_text(3e-7) == "below 1e-6" and probability_text(0.0123) == "0.012"
