"""Exact values of small worlds, each beside a second method that shares no code with it."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np
import pytest

from replication.analysis.exact_references import (
    best_blind_value,
    best_soft_values,
    blind_value,
    epsilon_greedy,
    expected_return,
    expected_steps,
    first_actions_of_best,
    judge_exact,
    limits_while_learning,
    optimal_values,
)
from replication.analysis.intervals import Estimate
from replication.environments.gridworlds.gridworld import Transitions, transitions_of
from replication.published.loader import published_table
from replication.specification.run import resolve_run
from replication.specification.tasks.gridworlds import CLIFF_WALKING, GRIDWORLDS, Gridworld
from replication.specification.tasks.small_mdps import MAXIMIZATION_BIAS, SHORT_CORRIDOR


def simulated(transitions: Transitions, probabilities: np.ndarray, episodes: int) -> np.ndarray:
    """Play a policy: returns and lengths, [2, episodes]."""
    stream, found = np.random.default_rng(7), np.zeros((2, episodes))
    outcomes = transitions.next_state.shape[2]
    cumulative = probabilities.cumsum(axis=1)
    for episode in range(episodes):
        state = transitions.start
        while not transitions.terminal[state]:
            action = int(np.searchsorted(cumulative[state], stream.random() * cumulative[state, -1], side="right"))
            outcome = stream.integers(outcomes)
            found[:, episode] += transitions.reward[state, action, outcome], 1.0
            state = transitions.next_state[state, action, outcome]
    return found


def shortest(world: Gridworld) -> int:
    """Walk outwards from the start, breadth first; a fall leads back and is never shorter."""
    queue, found = deque([(world.start, 0)]), {world.start}
    while queue:
        cell, steps = queue.popleft()
        if world.layout[cell[0]][cell[1]] == "G":
            return steps
        for step in world.moves:
            there = world.neighbor(*cell, step)
            if there not in found and world.layout[there[0]][there[1]] != "C":
                found.add(there)
                queue.append((there, steps + 1))
    raise AssertionError("no goal is reached")


@pytest.mark.parametrize("epsilon", [0.1, 0.3])
@pytest.mark.parametrize("soft", [False, True])
def test_an_expected_return_is_what_playing_the_policy_earns(epsilon: float, soft: bool) -> None:
    transitions = transitions_of(CLIFF_WALKING)
    values = best_soft_values(transitions, 1.0, epsilon) if soft else optimal_values(transitions, 1.0)
    policy = epsilon_greedy(values, epsilon)
    returns, lengths = simulated(transitions, policy, 3_000)
    for played, exact in (
        (returns, expected_return(transitions, policy)),
        (lengths, expected_steps(transitions, policy)),
    ):
        assert abs(played.mean() - exact) < 4.0 * played.std() / np.sqrt(len(played))


def test_the_limits_are_those_that_were_published_as_derived() -> None:
    table = published_table("tabular_and_control")
    rows = table[table["system"] == "Cliff walking"].set_index("quantity")["value"].astype(str)
    limits = limits_while_learning(resolve_run(variant="q_learning", task="cliff_walking", seed=1, budget_episodes=1))
    online = float(rows["online return of the epsilon-greedy policy on Q*"])
    assert limits["Q-learning"] == pytest.approx(online, abs=0.05)
    assert limits["Expected SARSA"] == pytest.approx(float(rows["best epsilon-soft return"]), abs=0.0005)


@pytest.mark.parametrize("world", [w for w in GRIDWORLDS.values() if not w.wind_varies], ids=lambda world: world.name)
def test_the_shortest_path_by_value_iteration_is_that_of_a_breadth_first_walk(world: Gridworld) -> None:
    transitions = transitions_of(replace(world, step_reward=-1.0, goal_reward=None))
    assert -optimal_values(transitions, 1.0)[transitions.start].max() == pytest.approx(shortest(world))


def test_the_best_soft_values_are_those_that_policy_iteration_ends_at() -> None:
    transitions, epsilon = transitions_of(CLIFF_WALKING), 0.1
    states, actions, _ = transitions.next_state.shape
    greedy = np.zeros(states, dtype=int)
    for _ in range(100):
        policy = np.full((states, actions), epsilon / actions)
        policy[np.arange(states), greedy] += 1.0 - epsilon
        system, gained = np.eye(states), np.zeros(states)
        for state in np.flatnonzero(~transitions.terminal):
            for action in range(actions):
                reached = transitions.next_state[state, action, 0]
                gained[state] += policy[state, action] * transitions.reward[state, action, 0]
                if not transitions.terminal[reached]:
                    system[state, reached] -= policy[state, action]
        v = np.linalg.solve(system, gained)
        q = transitions.reward[:, :, 0] + np.where(transitions.terminal, 0.0, v)[transitions.next_state[:, :, 0]]
        better = q.argmax(axis=1)
        kept = np.isclose(q[np.arange(states), greedy], q.max(axis=1))
        if kept.all():
            break
        greedy = np.where(kept, greedy, better)
    found = best_soft_values(transitions, 1.0, epsilon)
    assert np.allclose(found[~transitions.terminal], q[~transitions.terminal], atol=1e-6)


def test_actions_that_a_state_does_not_have_are_never_taken() -> None:
    """Two actions in A, ten in B: the best agent goes right, and left with half of its random actions."""
    run = resolve_run(variant="double_q_learning", task="maximization_bias", seed=1, budget_episodes=1)
    assert first_actions_of_best(run)[:2] == pytest.approx([0.05, 0.95]) and not first_actions_of_best(run)[2:].any()
    transitions = transitions_of(MAXIMIZATION_BIAS)
    policy = epsilon_greedy(optimal_values(transitions, 1.0), 0.4)
    assert policy[0, :2] == pytest.approx([0.2, 0.8]) and policy[1] == pytest.approx(np.full(10, 0.1))
    _, lengths = simulated(transitions, policy, 2_000)
    assert abs(lengths.mean() - expected_steps(transitions, policy)) < 4.0 * lengths.std() / np.sqrt(len(lengths))
    assert expected_return(transitions, policy) == pytest.approx(-0.02)


@pytest.mark.parametrize("p", [0.05, 0.3, 0.95])
def test_the_value_of_the_corridor_is_the_book_s_formula_and_what_playing_earns(p: float) -> None:
    run = resolve_run(variant="reinforce_tabular", task="short_corridor", seed=1, budget_episodes=1)
    exact = (2.0 * p - 4.0) / (p * (1.0 - p))
    assert blind_value(run, p) == pytest.approx(exact, rel=1e-9)
    returns, _ = simulated(transitions_of(SHORT_CORRIDOR), np.tile([1.0 - p, p], (4, 1)), 1_000)
    assert abs(returns.mean() - exact) < 4.0 * returns.std() / np.sqrt(len(returns))


def test_the_best_policy_of_the_corridor_is_the_published_one() -> None:
    run = resolve_run(variant="reinforce_tabular", task="short_corridor", seed=1, budget_episodes=1)
    p, value = best_blind_value(run)
    assert p == pytest.approx(2.0 - np.sqrt(2.0), abs=1e-6)
    assert value == pytest.approx(-(6.0 + 4.0 * np.sqrt(2.0)), rel=1e-9)


def test_values_without_a_fixed_point_are_an_error() -> None:
    transitions = transitions_of(CLIFF_WALKING)
    never = transitions._replace(terminal=np.zeros_like(transitions.terminal))
    with pytest.raises(ValueError, match="found no fixed point"):
        optimal_values(never, 1.0)


@pytest.mark.parametrize(
    ("mean", "error", "word"),
    [
        (-50.7, 0.1, "replicated"),
        (-50.7, 0.01, "differs"),  # close, and certainly not the same
        (-45.0, 4.0, "inconclusive"),  # it reaches the value, and is too wide to tell it from a rival
        (-20.7, 0.1, "differs"),
    ],
)
def test_a_verdict_beside_an_exact_value(mean: float, error: float, word: str) -> None:
    rivals = {"Expected SARSA": -40.0, "random": -400.0}
    found = judge_exact(Estimate(mean, error, 9), -50.8, rivals, 0.95)
    assert found.word == word and "Expected SARSA" in found.reason


def test_an_exact_value_is_missed_as_often_as_the_level_says() -> None:
    stream, level = np.random.default_rng(3), 0.9
    words = []
    for _ in range(2_000):
        values = stream.normal(size=10)
        ours = Estimate(float(values.mean()), float(values.std(ddof=1) / np.sqrt(10)), 9)
        words.append(judge_exact(ours, 0.0, {"far": 100.0}, level).word)
    assert words.count("differs") / len(words) == pytest.approx(0.1, abs=0.02)
