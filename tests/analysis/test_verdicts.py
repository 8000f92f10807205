"""Intervals and verdicts against numbers worked by hand."""

from __future__ import annotations

import math

import pytest

from replication.analysis.intervals import Estimate, difference_interval, estimate, family_level, interval
from replication.analysis.verdicts import judge, margin_points


def test_a_mean_of_three_has_a_t_interval_with_two_degrees() -> None:
    found = estimate([1.0, 2.0, 3.0])
    assert found == Estimate(2.0, pytest.approx(1 / math.sqrt(3)), 2)
    # The 97.5 % point of Student's t with 2 degrees of freedom is 4.30265.
    low, high = interval(found, 0.95)
    assert (low, high) == (pytest.approx(2 - 4.30265 * 0.57735, abs=1e-4), pytest.approx(4.48414, abs=1e-4))


def test_one_value_has_no_error_of_its_own() -> None:
    assert estimate([3.0]) is None
    assert estimate([]) is None


def test_a_difference_adds_the_halves_of_both_sides() -> None:
    # 97.5 % points of Student's t: 2.77645 with 4 degrees of freedom, 2.26216 with 9.
    apart, low, high = difference_interval(Estimate(10.0, 3.0, 4), Estimate(4.0, 4.0, 9), 0.95)
    half = math.hypot(2.77645 * 3, 2.26216 * 4)
    assert (apart, low, high) == (6.0, pytest.approx(6 - half, abs=1e-4), pytest.approx(6 + half, abs=1e-4))
    known = difference_interval(Estimate(10.0, 3.0, math.inf), Estimate(4.0, 4.0, math.inf), 0.95)
    assert known[2] == pytest.approx(6 + 1.959964 * 5, abs=1e-4)


def test_bonferroni_shares_the_error_out() -> None:
    assert family_level(0.95, 5) == pytest.approx(0.99)
    assert family_level(0.95, 0) == family_level(0.95, 1) == pytest.approx(0.95)


@pytest.mark.parametrize(("published", "margin"), [(0.0, 10.0), (40.0, 10.0), (-80.0, 20.0), (100.0, 25.0)])
def test_the_margin_is_ten_points_or_a_quarter(published: float, margin: float) -> None:
    assert margin_points(published) == margin


@pytest.mark.parametrize(
    ("ours", "error", "word"),
    [
        (105.0, 5.0, "replicated"),  # 5 +- 9.8 lies within +-25
        (95.0, 10.0, "replicated"),  # -5 +- 19.6
        (160.0, 10.0, "differs"),  # 60 +- 19.6 lies beyond 25
        (40.0, 10.0, "differs"),
        (110.0, 10.0, "inconclusive"),  # 10 +- 19.6 reaches past 25
        (100.0, 40.0, "inconclusive"),
    ],
)
def test_each_verdict_follows_from_the_interval_and_the_margin(ours: float, error: float, word: str) -> None:
    found = judge(Estimate(ours, error, math.inf), Estimate(100.0, 0.0, math.inf), 0.95, stand_in=False)
    assert found.word == word
    assert found.margin == 25.0
    assert found.difference == ours - 100.0


def test_a_stand_in_spread_is_said_in_the_reason() -> None:
    ours, published = Estimate(105.0, 5.0, math.inf), Estimate(100.0, 0.0, math.inf)
    said = judge(ours, published, 0.95, stand_in=True), judge(ours, published, 0.95, stand_in=False)
    assert [verdict.stand_in for verdict in said] == [True, False]
    assert said[0].reason == "difference +5.0 [-4.8, +14.8] normalised points, margin 25.0; with a stand-in spread"
    assert said[1].reason == "difference +5.0 [-4.8, +14.8] normalised points, margin 25.0"


def test_more_comparisons_need_more_evidence() -> None:
    ours, published = Estimate(150.0, 11.0, math.inf), Estimate(100.0, 0.0, math.inf)
    assert judge(ours, published, 0.95, stand_in=False).word == "differs"
    assert judge(ours, published, family_level(0.95, 49), stand_in=False).word == "inconclusive"
