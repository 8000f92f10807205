"""Double Q-learning, and what Q-learning does beside it in the world of maximization bias."""

from __future__ import annotations

import numpy as np
import pytest

from replication.algorithms.tabular.double_q_learning import td_error
from replication.environments.gridworlds.gridworld import transitions_of
from replication.foundation.errors import ReplicationError
from replication.specification.run import resolve_run
from replication.specification.tasks.small_mdps import MAXIMIZATION_BIAS
from replication.training.tabular.family import learn
from replication.training.tabular.two_tables import TwoTablesAgent, play


def test_mb3_the_error_is_the_bracket_of_equation_6_10() -> None:
    q1, q2 = np.array([-3.0, 2.0]), np.array([0.5, 4.0, -9.0])
    for function in (td_error, td_error.py_func):
        assert function(q1, 1, -1.0, 0.9, 2, q2) == pytest.approx(-1.0 + 0.9 * -9.0 - 2.0)
        assert function(q1, 0, -1.0, 0.0, 0, q2) == pytest.approx(-1.0 + 3.0)


def test_mb3_one_table_names_the_action_and_the_other_values_it() -> None:
    """Tables whose best actions differ: whichever is moved, the value is the other's of its own best action."""
    transitions, tables = transitions_of(MAXIMIZATION_BIAS), np.zeros((2, 3, 10))
    tables[0, 1, 4], tables[1, 1, 7] = 3.0, 2.0  # in B
    tables[:, 0, 0] = 1.0  # left is greedy in A
    given = []

    def noted(q1_tm1, a_tm1, r_t, discount_t, best_a_t, q2_t):
        given.append((len(q2_t), int(best_a_t), float(q2_t[best_a_t]), discount_t))
        return td_error.py_func(q1_tm1, a_tm1, r_t, discount_t, best_a_t, q2_t)

    episodes = 40
    space, stream = (np.zeros(episodes), np.zeros(episodes, np.int64)), np.random.default_rng(1)
    agent = TwoTablesAgent(0.0, 1.0, 0.0, False)
    assert play.py_func(transitions, tables, noted, agent, -1, -1, *space, stream) == episodes
    assert set(space[1].tolist()) == {2}
    assert {each for each in given if each[3] == 1.0} == {(10, 4, 0.0, 1.0), (10, 7, 0.0, 1.0)}
    assert {each[3] for each in given} == {0.0, 1.0}


def test_mb4_actions_are_chosen_by_the_sum_of_both_tables() -> None:
    transitions, tables, stream = transitions_of(MAXIMIZATION_BIAS), np.zeros((2, 3, 10)), np.random.default_rng(1)
    tables[0, 0, 0], tables[1, 0, 0], tables[0, 0, 1] = 1.0, -3.0, -1.0  # the first table alone would go left
    lengths = np.zeros(200, np.int64)
    play(transitions, tables, td_error, TwoTablesAgent(0.0, 1.0, 0.0, False), -1, -1, np.zeros(200), lengths, stream)
    assert set(lengths.tolist()) == {1}
    greedy = TwoTablesAgent(0.0, 1.0, 0.1, False)
    play(transitions, tables, td_error, greedy, -1, -1, np.zeros(200), lengths, stream)
    assert 0 < (lengths == 2).sum() < 30


def simulated(double: bool, actions: int, runs: int, episodes: int) -> np.ndarray:
    """Play all runs side by side, without the suite's code: the share that goes left, by episode."""
    stream, tables, alpha, epsilon = np.random.default_rng(5), 2 if double else 1, 0.1, 0.1
    a, b, every = np.zeros((tables, runs, 2)), np.zeros((tables, runs, actions)), np.arange(runs)

    def best(values: np.ndarray) -> np.ndarray:
        ties = stream.random(values.shape) * (values == values.max(axis=1, keepdims=True))
        return ties.argmax(axis=1)

    def chosen(values: np.ndarray) -> np.ndarray:
        random = stream.random(runs) < epsilon
        return np.where(random, stream.integers(values.shape[1], size=runs), best(values))

    shares = []
    for _ in range(episodes):
        action = chosen(a.sum(axis=0))
        moved = stream.integers(tables, size=runs)
        other = 1 - moved if double else moved
        value = b[other, every, best(b[moved, every])]
        a[moved, every, action] += alpha * (np.where(action == 0, value, 0.0) - a[moved, every, action])
        left, there = action == 0, chosen(b.sum(axis=0))
        moved = stream.integers(tables, size=runs)
        error = stream.normal(-0.1, 1.0, runs) - b[moved, every, there]
        b[moved[left], every[left], there[left]] += alpha * error[left]
        shares.append(left.mean())
    return np.array(shares)


@pytest.mark.parametrize(("variant", "double"), [("q_learning+step_size=0.1", False), ("double_q_learning", True)])
def test_the_share_that_goes_left_is_that_of_a_second_program(variant: str, double: bool) -> None:
    runs, episodes = 400, 150
    given = {"task": "maximization_bias_5_actions", "protocol": "episode_steps_2018", "budget_episodes": episodes}
    found = [learn(resolve_run(variant=variant, seed=seed, **given)).curve for seed in range(1, runs + 1)]
    ours = np.array([list(curve.values()) for curve in found]) - 1.0
    other = simulated(double, 5, 20_000, episodes)
    for window in (slice(0, 2), slice(20, 50), slice(100, 150)):
        of_runs = ours[:, window].mean(axis=1)
        assert abs(of_runs.mean() - other[window].mean()) < 4.0 * of_runs.std() / np.sqrt(runs)


def test_what_cannot_be_learned_is_one_line() -> None:
    changing = resolve_run(variant="double_q_learning", task="blocking_maze", seed=1, budget_episodes=5)
    with pytest.raises(ReplicationError, match="double_q_learning blocking_maze seed 1: found a task that changes"):
        learn(changing)
    named = resolve_run(variant="dyna_q", task="maximization_bias", seed=1, budget_episodes=5)
    with pytest.raises(ReplicationError, match="found a world of named states, expected a gridworld"):
        learn(named)
