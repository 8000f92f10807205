"""The moving mean by which small tasks count as solved."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from replication.evidence.solving import MOST_POINTS, block_means, episodes_of, means_of_last, solving_columns
from replication.specification.loading import load_protocol
from replication.specification.run import resolve_run
from replication.specification.scored_points import Solving


def test_the_mean_is_of_the_last_episodes_and_of_as_many_as_there_are_at_first() -> None:
    returns = np.array([4.0, 2.0, 6.0, 0.0, 8.0])
    assert means_of_last(returns, 2).tolist() == [4.0, 3.0, 4.0, 3.0, 4.0]
    assert means_of_last(returns, 100).tolist() == [4.0, 3.0, 4.0, 3.0, 4.0]
    stream = np.random.default_rng(1).standard_normal(350)
    expected = [stream[max(0, end - 100) : end].mean() for end in range(1, 351)]
    assert np.allclose(means_of_last(stream, 100), expected, atol=1e-12)


def test_a_row_keeps_the_highest_mean_of_a_whole_window_the_first_success_and_what_is_shown() -> None:
    returns = np.array([9.0, 1.0, 1.0, 3.0, 5.0, 5.0, 1.0])
    columns = solving_columns(returns, Solving(of_last=2, level=5.0, shown_every=2))
    # The first mean is of one episode, and solves it; but it is not of a whole window.
    assert columns == {"best_mean": 5.0, "solved_at": 1, "mean_at_2": 5.0, "mean_at_4": 2.0, "mean_at_6": 5.0}
    later = solving_columns(returns[1:], Solving(of_last=2, level=5.0, shown_every=3))
    assert later == {"best_mean": 5.0, "solved_at": 5, "mean_at_3": 2.0, "mean_at_6": 3.0} | {"best_mean": 3.0}
    assert episodes_of(later) == [3, 6]


def test_what_is_never_reached_is_blank_and_a_short_training_shows_its_end() -> None:
    columns = solving_columns(np.array([1.0, 2.0]), Solving(of_last=100, level=195.0, shown_every=25))
    assert columns == {"best_mean": 1.5, "solved_at": None, "mean_at_2": 1.5}
    assert solving_columns(np.array([1.0]), Solving(of_last=1, level=None, shown_every=1))["solved_at"] is None
    assert solving_columns(np.array([1.0]), None) == {}


def test_a_curve_of_many_episodes_is_means_over_blocks() -> None:
    assert block_means(np.arange(3.0)) == {1: 0.0, 2: 1.0, 3: 2.0}
    long = block_means(np.arange(2.0 * MOST_POINTS))
    assert len(long) == MOST_POINTS and long[2] == 0.5 and list(long)[-1] == 2 * MOST_POINTS


def test_a_protocol_without_it_has_no_such_key_in_the_identity_and_one_with_it_has() -> None:
    plain = resolve_run(variant="q_learning", task="cliff_walking", seed=1, budget_episodes=5)
    assert "solving" not in plain.identity()["protocol_settings"]
    run = resolve_run(variant="cem", task="mountain_car_continuous", seed=1, budget_iterations=5)
    assert run.identity()["protocol_settings"]["solving"] == {"of_last": 100, "level": 90.0, "shown_every": 10}
    assert run.identity()["budget"] == {"iterations": 5} and run.training_length == {"iterations": 5}
    with pytest.raises(ValidationError):
        Solving(of_last=0, level=None, shown_every=1)
    assert load_protocol("learning_2018").solving is None
