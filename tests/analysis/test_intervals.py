"""Intervals against numbers worked by hand."""

from __future__ import annotations

import math

import pytest

from replication.analysis.intervals import Estimate, estimate, family_level, interval


def test_a_mean_of_three_has_a_t_interval_with_two_degrees() -> None:
    found = estimate([1.0, 2.0, 3.0])
    assert found == Estimate(2.0, pytest.approx(1 / math.sqrt(3)), 2)
    # The 97.5 % point of Student's t with 2 degrees of freedom is 4.30265.
    low, high = interval(found, 0.95)
    assert (low, high) == (pytest.approx(2 - 4.30265 * 0.57735, abs=1e-4), pytest.approx(4.48414, abs=1e-4))


def test_one_value_has_no_error_of_its_own() -> None:
    assert estimate([3.0]) is None
    assert estimate([]) is None


def test_bonferroni_shares_the_error_out() -> None:
    assert family_level(0.95, 5) == pytest.approx(0.99)
    assert family_level(0.95, 0) == family_level(0.95, 1) == pytest.approx(0.95)
