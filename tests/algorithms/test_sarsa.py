"""The updates of SARSA and Expected SARSA, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from replication.algorithms.tabular import expected_sarsa, sarsa

BEFORE, AFTER = np.array([-3.0, 2.0, 0.0]), np.array([0.5, 4.0, -9.0])


def both(algorithm, action: int, discount: float, following: int, epsilon: float = 0.1) -> float:
    """Return the error, compiled and not, which are the same; what was given stays as it was."""
    given = BEFORE.copy(), AFTER.copy()
    found = [
        each(BEFORE, action, -1.0, discount, AFTER, following, epsilon)
        for each in (algorithm.td_error, algorithm.td_error.py_func)
    ]
    assert found[0] == found[1] and np.array_equal(BEFORE, given[0]) and np.array_equal(AFTER, given[1])
    return found[0]


@pytest.mark.parametrize(
    ("action", "discount", "following", "error"),
    [
        (1, 0.9, 0, -1.0 + 0.9 * 0.5 - 2.0),  # the value of the next action, whichever is the best
        (1, 0.9, 2, -1.0 - 0.9 * 9.0 - 2.0),
        (0, 0.0, -1, -1.0 + 3.0),  # after the last step there is no next action
    ],
)
def test_sa1_the_error_is_the_bracket_of_equation_6_7(
    action: int, discount: float, following: int, error: float
) -> None:
    assert both(sarsa, action, discount, following) == pytest.approx(error, rel=1e-15)


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 1.0])
def test_es1_the_error_is_the_bracket_of_equation_6_9(epsilon: float) -> None:
    probabilities = np.full(3, epsilon / 3) + np.array([0.0, 1.0 - epsilon, 0.0])
    expected = -1.0 + 0.9 * float(probabilities @ AFTER) - 2.0
    assert both(expected_sarsa, 1, 0.9, -1, epsilon) == pytest.approx(expected, rel=1e-14)
    assert both(expected_sarsa, 1, 0.0, -1, epsilon) == pytest.approx(-3.0)


def test_es1_two_of_the_highest_value_are_worth_what_one_is() -> None:
    tied = np.array([4.0, 4.0, -9.0])
    error = expected_sarsa.td_error(BEFORE, 0, 0.0, 1.0, tied, -1, 0.3)
    assert error == pytest.approx(0.3 * tied.mean() + 0.7 * 4.0 + 3.0)
