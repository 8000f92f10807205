"""Aggregates against rliable: its numbers kept here, and, where it is installed, itself.

The numbers were printed by rliable 1.2.0 (google-research/rliable 3ccd9f4) with arch 7.2.0, scipy 1.17.1, pandas 2.3.3
and numpy 2.4.6: `metrics.aggregate_*(matrix)`, the optimality gap with gamma=100, `library.score_distributions(matrix,
thresholds)` and `metrics.probability_of_improvement(x, y)` of the matrices below. The project does not need rliable; in
an environment that has it (and pandas before 3, which arch 7.2.0 needs), the last tests of this file run.
"""

from __future__ import annotations

import numpy as np
import pytest

from replication.analysis import aggregates
from replication.foundation.errors import ReplicationError


def matrix(runs: int, games: int, shift: int) -> aggregates.Scores:
    """Uneven scores with ties, some below zero, a few above 150; the same in every version of numpy."""
    run, game = np.mgrid[:runs, :games]
    return ((7 * run + 13 * game + 3 * run * game + shift) % 17) * 11.5 - 8.0


X, Y = matrix(5, 7, 0), matrix(3, 7, 4)
THRESHOLDS = np.array([-10.0, 0.0, 50.0, 100.0, 150.0])
RLIABLE = {
    "median": (72.5, 72.5),
    "interquartile mean": (61.0, 75.63636363636364),
    "mean": (65.6, 74.69047619047619),
    "optimality gap": (44.08571428571429, 33.88095238095238),
}


@pytest.mark.parametrize("name", RLIABLE)
def test_each_aggregate_is_rliable_s(name: str) -> None:
    found = [float(aggregates.STATISTICS[name](scores)) for scores in (X, Y)]
    assert found == pytest.approx(RLIABLE[name], abs=1e-6)
    assert set(RLIABLE) == set(aggregates.STATISTICS)


def test_improvement_and_profiles_are_rliable_s() -> None:
    assert float(aggregates.probability_of_improvement(X, Y)) == pytest.approx(0.41428571428571426, abs=1e-6)
    assert float(aggregates.probability_of_improvement(X, X)) == 0.5
    profiles = [1.0, 0.9142857142857143, 0.5142857142857142, 0.2571428571428571, 0.11428571428571428]
    assert aggregates.performance_profile(X, THRESHOLDS) == pytest.approx(profiles, abs=1e-6)
    profiles = [1.0, 0.9523809523809523, 0.6190476190476191, 0.2857142857142857, 0.047619047619047616]
    assert aggregates.performance_profile(Y, THRESHOLDS) == pytest.approx(profiles, abs=1e-6)


def test_the_functions_work_on_stacks_of_matrices() -> None:
    stack = np.stack([X, 2 * X])
    for statistic in aggregates.STATISTICS.values():
        assert statistic(stack) == pytest.approx([float(statistic(X)), float(statistic(2 * X))])
    curve = aggregates.efficiency_curve(aggregates.median, np.stack([X, X + 1, X + 2], axis=-1))
    assert curve == pytest.approx([72.5, 73.5, 74.5])
    both = aggregates.probability_of_improvement(stack, np.stack([Y, Y]))
    assert both[0] == aggregates.probability_of_improvement(X, Y) and both[1] > both[0]


def test_games_with_unequal_numbers_of_runs_are_refused_in_one_line() -> None:
    assert aggregates.score_matrix({"pong": [1.0, 2.0], "breakout": [3.0, 4.0]}).tolist() == [[1.0, 3.0], [2.0, 4.0]]
    with pytest.raises(
        ReplicationError, match="found 1 runs of breakout and 2 of pong, expected equally many"
    ) as caught:
        aggregates.score_matrix({"pong": [1.0, 2.0], "breakout": [3.0]})
    assert "\n" not in str(caught.value)
    with pytest.raises(ReplicationError, match="found no run of breakout"):
        aggregates.score_matrix({"pong": [1.0], "breakout": []})
    with pytest.raises(ReplicationError, match="found no game, expected"):
        aggregates.score_matrix({})


def test_resampling_stays_within_each_game_and_is_the_seed_s_alone() -> None:
    scores = np.array([[0.0, 100.0], [1.0, 101.0], [2.0, 102.0]])
    drawn = aggregates.resampled(scores, np.random.default_rng(1), 500)
    assert drawn.shape == (500, 3, 2)
    assert set(np.unique(drawn[:, :, 0])) == {0.0, 1.0, 2.0} and set(np.unique(drawn[:, :, 1])) == {100.0, 101.0, 102.0}
    assert (drawn == aggregates.resampled(scores, np.random.default_rng(1), 500)).all()
    # Each game is drawn on its own: run for run the two columns are not the same draw.
    assert (drawn[:, :, 0] + 100 != drawn[:, :, 1]).any()
    lines = aggregates.resampled(np.stack([scores, scores + 7], axis=-1), np.random.default_rng(1), 500)
    assert (lines[..., 1] - lines[..., 0] == 7).all()


def test_the_interval_of_a_mean_is_the_one_worked_by_hand() -> None:
    """Of many runs of one game: mean +- 1.96 standard errors, whose own error is about 1 part in 30 here."""
    scores = np.random.default_rng(5).normal(50.0, 10.0, size=(200, 1))
    resamples = aggregates.resampled(scores, np.random.default_rng(2), 4_000)
    low, high = aggregates.bootstrap_interval(aggregates.mean(resamples))
    half = 1.96 * float(scores.std()) / np.sqrt(200)
    assert (float(low), float(high)) == pytest.approx((scores.mean() - half, scores.mean() + half), abs=0.12 * half)


@pytest.mark.parametrize("name", RLIABLE)
def test_with_rliable_itself(name: str) -> None:
    metrics = pytest.importorskip("rliable.metrics")
    functions = {
        "median": metrics.aggregate_median,
        "interquartile mean": metrics.aggregate_iqm,
        "mean": metrics.aggregate_mean,
        "optimality gap": lambda scores: metrics.aggregate_optimality_gap(scores, gamma=100.0),
    }
    stream = np.random.default_rng(3)
    for shape in ((1, 1), (2, 3), (5, 26), (3, 57)):
        scores = stream.gamma(1.0, 80.0, size=shape) - 20.0
        assert float(aggregates.STATISTICS[name](scores)) == pytest.approx(functions[name](scores), abs=1e-6)


def test_improvement_profiles_and_intervals_with_rliable_itself() -> None:
    metrics, library = pytest.importorskip("rliable.metrics"), pytest.importorskip("rliable.library")
    stream = np.random.default_rng(4)
    one, other = (np.round(stream.gamma(1.0, 80.0, size=(runs, 26)), -1) for runs in (5, 4))
    found = float(aggregates.probability_of_improvement(one, other))
    assert found == pytest.approx(metrics.probability_of_improvement(one, other), abs=1e-6)
    profile = aggregates.performance_profile(one, THRESHOLDS)
    assert profile == pytest.approx(library.score_distributions(one, THRESHOLDS), abs=1e-6)
    # rliable draws from numpy's global state: its intervals agree within what 4,000 resamples scatter.
    np.random.seed(0)  # noqa: NPY002
    _, theirs = library.get_interval_estimates({"one": one}, lambda x: np.array([metrics.aggregate_iqm(x)]), reps=4_000)
    low, high = aggregates.bootstrap_interval(
        aggregates.interquartile_mean(aggregates.resampled(one, np.random.default_rng(1), 4_000))
    )
    width = float(high - low)
    assert [float(low), float(high)] == pytest.approx(theirs["one"][:, 0].tolist(), abs=0.05 * width)
