"""The difference in points is the share that was judged, in other units."""

from __future__ import annotations

import math

import pytest

from replication.analysis.judged_differences import JudgedDifference, judged_difference
from replication.analysis.verdict_conventions import Family
from replication.analysis.verdict_rule import Comparison, Runs, judge, no_reference


@pytest.mark.parametrize("ours", [40.0, 70.0, 80.0, 90.0, 100.0, 110.0, 120.0, 130.0, 200.0])
@pytest.mark.parametrize("comparisons", [1, 20])
def test_the_interval_lies_within_the_margin_exactly_where_the_word_is_replicated(ours, comparisons):
    comparison = Comparison(Runs(ours, 5, 9.0), Runs(100.0, 5, 16.0), 1.0, None)
    verdict = judge(comparison, Family(comparisons))
    found = judged_difference(verdict, 100.0)
    assert found.value == pytest.approx(ours - 100.0) and found.margin == 25.0
    assert found.low is not None and found.high is not None and found.low_wide is not None
    assert found.low_wide <= found.low <= found.value <= found.high <= found.high_wide
    within = -found.margin <= found.low and found.high <= found.margin
    assert within == (verdict.word == "replicated")
    outside = found.low_wide > found.margin or found.high_wide < -found.margin
    assert outside == (verdict.word == "differs")
    assert found.in_margins is not None and found.in_margins[0] == pytest.approx((ours - 100.0) / 25.0)


def test_beside_a_published_agent_that_learned_nothing_there_is_a_difference_and_no_margin():
    comparison = Comparison(Runs(5.0, 3, 9.0), Runs(1.0, 5, 16.0), 0.0, None)
    verdict = judge(comparison, Family(1))
    assert verdict.word == "uninformative"
    found = judged_difference(verdict, 1.0)
    assert (found.value, found.low, found.high) == (4.0, verdict.difference_low, verdict.difference_high)
    assert found.margin is None and found.in_margins is None


def test_what_is_not_judged_has_no_numbers_and_a_missing_bound_is_nan():
    assert judged_difference(no_reference("none"), 10.0) == JudgedDifference()
    found = JudgedDifference(value=5.0, margin=2.0).in_margins
    assert found is not None and found[0] == 2.5 and all(map(math.isnan, found[1:]))
