"""REINFORCE on the short corridor: its policy, its update, and what it learns."""

from __future__ import annotations

import numpy as np
import pytest

from replication.algorithms.tabular.reinforce_tabular import policy, theta_change
from replication.environments.gridworlds.gridworld import transitions_of
from replication.foundation.errors import ReplicationError
from replication.specification.run import Run, resolve_run
from replication.specification.tasks.small_mdps import SHORT_CORRIDOR
from replication.training.tabular.family import learn
from replication.training.tabular.policy_gradient import PolicyAgent, play


def _run(variant: str = "reinforce_tabular", seed: int = 1, episodes: int = 1_000, **others: object) -> Run:
    named = {"task": "short_corridor"} | others
    return resolve_run(variant=variant, seed=seed, budget_episodes=episodes, **named)  # type: ignore[arg-type]


def test_sc1_the_corridor_is_that_of_the_book() -> None:
    steps = {state.name: [(step.to, step.reward) for step in state.steps] for state in SHORT_CORRIDOR.states}
    assert steps == {
        "first": [("first", -1.0), ("second", -1.0)],
        "second": [("third", -1.0), ("first", -1.0)],
        "third": [("second", -1.0), ("goal", -1.0)],
        "goal": [],
    }


def test_sc2_the_policy_is_a_softmax_of_a_preference_an_action() -> None:
    theta = np.array([0.3, -1.2])
    for function in (policy, policy.py_func):
        assert function(theta, 0.0) == pytest.approx(np.exp(theta) / np.exp(theta).sum())
        assert function(theta + 800.0, 0.0) == pytest.approx(np.exp(theta) / np.exp(theta).sum())


def test_sc4_the_first_policy_and_the_least_probability_are_settings() -> None:
    assert policy(np.array([9.0, -9.0]), 0.05) == pytest.approx([0.95, 0.05])
    assert policy(np.array([0.0, 0.1]), 0.5) == pytest.approx([0.5, 0.5])
    # The first policy goes right with 0.05, whose episodes take 82.1 steps in the mean.
    first = [learn(_run(seed=seed, episodes=2)).curve[1] for seed in range(1, 801)]
    assert abs(np.mean(first) + 82.1) < 4.0 * np.std(first) / np.sqrt(len(first))


def test_sc3_theta_is_moved_along_the_gradient_of_the_log_probability() -> None:
    theta, delta, power, small = np.array([0.4, -0.7]), -3.0, 0.9, 1e-6
    for action in (0, 1):
        numerical = [
            (np.log(policy(theta + at, 0.0)[action]) - np.log(policy(theta - at, 0.0)[action])) / (2 * small)
            for at in small * np.eye(2)
        ]
        found = theta_change(policy(theta, 0.0), action, delta, power)
        assert found == pytest.approx(power * delta * np.array(numerical), rel=1e-6)


@pytest.mark.parametrize("baseline", [0.0, 0.1])
def test_sc3_an_episode_is_learned_from_step_by_step_with_its_return(baseline: float) -> None:
    """Beside a plain loop over the episode's actions, which are recovered from the draws."""
    transitions, theta, weight, discount, alpha = transitions_of(SHORT_CORRIDOR), np.zeros(2), np.zeros(1), 0.9, 0.01
    agent, noted = PolicyAgent(alpha, baseline, discount, 0.0), (np.zeros(3), np.zeros(3, np.int64))
    play(transitions, theta, weight, policy, theta_change, agent, 500, *noted, np.random.default_rng(8))
    stream, expected, w = np.random.default_rng(8), np.zeros(2), 0.0
    for episode in range(3):
        pi, state, taken = np.exp(expected) / np.exp(expected).sum(), 0, []
        while state != 3:
            taken.append(1 if stream.random() < pi[1] else 0)
            right = (taken[-1] == 1) != (state == 1)
            state = min(3, state + 1) if right else max(0, state - 1)
        assert noted[1][episode] == len(taken) == -noted[0][episode]
        for t, action in enumerate(taken):
            g = -sum(discount**k for k in range(len(taken) - t))
            delta = g - w if baseline else g
            w += baseline * delta
            pi = np.exp(expected) / np.exp(expected).sum()
            expected += alpha * discount**t * delta * (np.eye(2)[action] - pi)
    assert theta == pytest.approx(expected) and weight[0] == pytest.approx(w)


def test_sc5_an_episode_that_does_not_end_is_cut_and_counted() -> None:
    certain = "reinforce_tabular+least_probability=0.0+start_probability=0.00001"
    found = learn(_run(certain, episodes=3))
    assert found.columns["cut_episodes"] >= 1 and min(found.curve.values()) == -10_000.0
    assert learn(_run(episodes=5)).columns["cut_episodes"] == 0


def test_the_best_policy_is_learned_and_faster_with_a_baseline() -> None:
    plain, helped = (
        np.array([[*learn(_run(variant, seed)).curve.values()] for seed in range(1, 41)])
        for variant in ("reinforce_tabular+step_size=0.000244140625", "reinforce_tabular_baseline")
    )
    assert plain[:, -100:].mean() == pytest.approx(-11.66, abs=0.6)
    assert helped[:, :100].mean() > plain[:, :100].mean() + 5.0


def test_what_it_cannot_learn_is_one_line() -> None:
    uncut = _run(protocol="learning_2018")
    with pytest.raises(ReplicationError, match="protocol learning_2018: found an evaluation or no cap on episodes"):
        learn(uncut)
    with pytest.raises(ReplicationError, match="other numbers of actions, expected two in each"):
        learn(_run(task="maximization_bias"))
