"""Intervals of proportions against published examples."""

from __future__ import annotations

import pytest

from replication.analysis.proportions import newcombe_difference, wilson_interval


def test_wilson_as_newcombe_prints_it():
    """Newcombe 1998, Two-sided confidence intervals for the single proportion, Table I, method 3."""
    assert wilson_interval(81, 263, 0.95) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15, 148, 0.95) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson_interval(0, 20, 0.95) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(20, 20, 0.95) == pytest.approx((1 - 0.1611, 1.0), abs=5e-5)


def test_the_difference_as_newcombe_prints_it():
    """Newcombe 1998, Interval estimation for the difference, Table II, method 10."""
    assert newcombe_difference(56, 70, 48, 80, 0.95) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert newcombe_difference(9, 10, 3, 10, 0.95) == pytest.approx((0.6, 0.1705, 0.8090), abs=5e-5)
    assert newcombe_difference(10, 10, 0, 10, 0.95) == pytest.approx((1.0, 0.6075, 1.0), abs=5e-5)


def test_the_two_sides_may_be_exchanged():
    apart, low, high = newcombe_difference(23, 50, 44, 50, 0.99)
    other, other_low, other_high = newcombe_difference(44, 50, 23, 50, 0.99)
    assert (apart, low, high) == pytest.approx((-other, -other_high, -other_low))
    assert newcombe_difference(50, 50, 50, 50, 0.99)[0] == 0


def test_more_successes_than_trials():
    with pytest.raises(ValueError, match="found 3 successes of 2 trials"):
        wilson_interval(3, 2, 0.95)
