"""Q-learning's update, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from replication.algorithms.tabular.q_learning import td_error


@pytest.mark.parametrize(
    ("action", "discount", "error"),
    [
        (1, 0.9, -1.0 + 0.9 * 4.0 - 2.0),  # the highest value of the state that was reached, whatever is done there
        (0, 0.9, -1.0 + 0.9 * 4.0 + 3.0),
        (1, 0.0, -1.0 - 2.0),  # the last step of an episode
        (1, 1.0, -1.0 + 4.0 - 2.0),
    ],
)
def test_cw2_the_error_is_the_bracket_of_equation_6_8(action: int, discount: float, error: float) -> None:
    before, after = np.array([-3.0, 2.0, 0.0]), np.array([0.5, 4.0, -9.0])
    given = before.copy(), after.copy()
    for function in (td_error, td_error.py_func):
        assert function(before, action, -1.0, discount, after, -1, 0.1) == pytest.approx(error, rel=1e-15)
    assert np.array_equal(before, given[0]) and np.array_equal(after, given[1])  # it is pure
