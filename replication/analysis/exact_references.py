"""Exact values of small worlds, and the verdict on what was measured beside one of them.

A world is a table of transitions, so what an algorithm tends to can be computed: Q-learning's values are the optimal
ones, Expected SARSA's those of the best epsilon-soft policy, and what an epsilon-greedy agent earns with either is a
system of linear equations. Nothing is published to compare with, and nothing needs to be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from replication.analysis.intervals import Estimate, interval
from replication.analysis.verdict_rule import Word
from replication.environments.gridworlds.gridworld import TabularWorld, Transitions, transitions_of
from replication.specification.families.tabular import TabularConfig
from replication.specification.run import Run
from replication.specification.tasks.gridworlds import Gridworld

Values = NDArray[np.float64]
"""float64 [states, actions]; minus infinity of an action that a state does not have."""
_SAME = 1e-9
"""Values this close are equal: they differ by rounding alone."""
_MOST_SWEEPS = 100_000
_OPTIMAL, _SOFT = "Q-learning", "Expected SARSA"
LIMIT_OF = {"q_learning": _OPTIMAL, "expected_sarsa": _SOFT}
"""Algorithms whose values tend to known ones at any constant step size where transitions are certain, and the limit's
name. SARSA's tend to those of Expected SARSA only as its step size goes to 0."""


def backed_up(transitions: Transitions, state_values: NDArray[np.float64], discount: float) -> Values:
    """Compute q(s, a) = E[r + gamma v(s')], where v of a terminal state is 0."""
    following = np.where(transitions.terminal, 0.0, state_values)[transitions.next_state]
    values: Values = (transitions.reward + discount * following).mean(axis=2)
    return np.where(_available(transitions), values, -np.inf)


def _available(transitions: Transitions) -> NDArray[np.bool_]:
    """Return which actions each state has, bool [states, actions]."""
    available: NDArray[np.bool_] = np.arange(transitions.reward.shape[1]) < transitions.actions[:, None]
    return available


def optimal_values(transitions: Transitions, discount: float) -> Values:
    """Compute q*(s, a) = E[r + gamma max_a' q*(s', a')] by value iteration: Q-learning's limit.

    Raises:
        ValueError: there is no fixed point, as where some state can never be left and nothing is discounted.
    """
    return best_soft_values(transitions, discount, 0.0)


def best_soft_values(transitions: Transitions, discount: float, epsilon: float) -> Values:
    """Compute the values of the best policy that takes a share epsilon of random actions, by value iteration.

        q(s, a) = E[r + gamma ((1 - epsilon) max_a' q(s', a') + epsilon mean_a' q(s', a'))]

    It is the limit of Expected SARSA, and of SARSA as its step size goes to 0 (Sutton & Barto 2018, sections 5.4, 6.6).

    Raises:
        ValueError: there is no fixed point.
    """
    there = _available(transitions)
    values = np.where(there, 0.0, -np.inf)
    for _ in range(_MOST_SWEEPS):
        means = np.where(there, values, 0.0).sum(axis=1) / transitions.actions
        state_values = (1.0 - epsilon) * values.max(axis=1) + epsilon * means
        before, values = values, backed_up(transitions, state_values, discount)
        if np.abs(values[there] - before[there]).max() < _SAME * 1e-3:
            return values
    raise ValueError(f"value iteration: found no fixed point in {_MOST_SWEEPS:,} sweeps")


def epsilon_greedy(values: Values, epsilon: float) -> NDArray[np.float64]:
    """Compute the probabilities of actions, float64 [states, actions]; those of the highest value are as likely."""
    greedy = values >= values.max(axis=1, keepdims=True) - _SAME
    share = greedy / greedy.sum(axis=1, keepdims=True)
    there = np.isfinite(values)
    uniform = there / there.sum(axis=1, keepdims=True)
    found: NDArray[np.float64] = epsilon * uniform + (1.0 - epsilon) * share
    return found


def expected_return(transitions: Transitions, probabilities: NDArray[np.float64]) -> float:
    """Compute the expected sum of rewards of an episode from the start, undiscounted."""
    return _from_start(transitions, probabilities, (probabilities * transitions.reward.mean(axis=2)).sum(axis=1))


def expected_steps(transitions: Transitions, probabilities: NDArray[np.float64]) -> float:
    """Compute the expected number of steps of an episode from the start."""
    return _from_start(transitions, probabilities, np.ones(len(probabilities)))


def _from_start(transitions: Transitions, probabilities: NDArray[np.float64], gained: NDArray[np.float64]) -> float:
    """Solve v = gained + P v over the states that are reached from the start."""
    states, actions, outcomes = transitions.next_state.shape
    chance = np.zeros((states, states))
    for state, action, outcome in np.ndindex(states, actions, outcomes):
        chance[state, transitions.next_state[state, action, outcome]] += probabilities[state, action] / outcomes
    chance[:, transitions.terminal] = 0.0
    reached = _reached(chance, transitions.start)
    solved = np.linalg.solve(np.eye(len(reached)) - chance[np.ix_(reached, reached)], gained[reached])
    return float(solved[reached.index(transitions.start)])


def _reached(chance: NDArray[np.float64], start: int) -> list[int]:
    found = [start]
    for state in found:  # grows as it is walked through
        found += [int(other) for other in np.flatnonzero(chance[state]) if other not in found]
    return sorted(found)


@dataclass(frozen=True)
class ExactVerdict:
    """The word, and why."""

    word: Word
    reason: str


def judge_exact(ours: Estimate, exact: float, rivals: Mapping[str, float], level: float) -> ExactVerdict:
    """Compare a mean with an exact value.

    Replicated: the interval contains the value and is narrower than the distance to the nearest rival, which it then
    tells apart. Differs: it does not contain it. Else inconclusive.

    Args:
        ours: over seeds.
        exact: what it should tend to.
        rivals: what other algorithms would tend to, by name; at least one.
        level: of the interval.
    """
    low, high = interval(ours, level)
    rival = min(rivals, key=lambda name: abs(rivals[name] - exact))
    distance = abs(rivals[rival] - exact)
    beside = f"nearest rival {rival}, {rivals[rival]:.2f}"
    if not low <= exact <= high:
        return ExactVerdict("differs", f"{ours.mean - exact:+.2f} from the exact value; {beside}")
    if high - low >= distance:
        return ExactVerdict(
            "inconclusive", f"interval of {high - low:.2f}, expected less than {distance:.2f}; {beside}"
        )
    return ExactVerdict("replicated", beside)


def limits_while_learning(run: Run) -> dict[str, float]:
    """Compute what each algorithm's episodes return in the end, exploration included, on a run's world.

    Returns: by name of the algorithm; the policy is epsilon-greedy on the values that the algorithm tends to.
    """
    config = run.settings_as(TabularConfig)
    assert isinstance(run.task, Gridworld)
    transitions = transitions_of(run.task)
    of_values = {
        _OPTIMAL: optimal_values(transitions, config.discount),
        _SOFT: best_soft_values(transitions, config.discount, config.epsilon),
    }
    return {
        name: expected_return(transitions, epsilon_greedy(values, config.epsilon)) for name, values in of_values.items()
    }


def first_actions_of_best(run: Run) -> NDArray[np.float64]:
    """Compute the probabilities of the first action where the best values are known and a run's share is random.

    Returns: float64 [actions], of the state in which episodes start.
    """
    assert isinstance(run.task, TabularWorld)
    config, transitions = run.settings_as(TabularConfig), transitions_of(run.task)
    policy = epsilon_greedy(optimal_values(transitions, config.discount), config.epsilon)
    found: NDArray[np.float64] = policy[transitions.start]
    return found


def blind_value(run: Run, probability: float) -> float:
    """Compute the expected return of taking the second of two actions with one probability in every state.

    On the short corridor it is (2p - 4) / (p (1 - p)) (Sutton & Barto 2018, Example 13.1).
    """
    assert isinstance(run.task, TabularWorld)
    transitions = transitions_of(run.task)
    policy = np.tile([1.0 - probability, probability], (len(transitions.terminal), 1))
    return expected_return(transitions, policy)


def best_blind_value(run: Run) -> tuple[float, float]:
    """Find the best of these probabilities, and its expected return."""
    found = optimize.minimize_scalar(
        lambda probability: -blind_value(run, probability), bounds=(0.0, 1.0), method="bounded", options={"xatol": 1e-9}
    )
    return float(found.x), -float(found.fun)


def shortest_steps(run: Run, *, changed: bool = False) -> float:
    """Compute the steps of the shortest path of a run's world from start to goal; expected ones where wind varies.

    Args:
        run: in a gridworld.
        changed: the world as it is once it has changed.
    """
    return float(-_values_of_steps(run, changed=changed)[0].max())


def epsilon_greedy_steps(run: Run) -> float:
    """Compute the expected steps of an agent that explores as a run's does and else takes the shortest path."""
    _, transitions, values = _values_of_steps(run, changed=False)
    return expected_steps(transitions, epsilon_greedy(values, run.settings_as(TabularConfig).epsilon))


def _values_of_steps(run: Run, *, changed: bool) -> tuple[NDArray[np.float64], Transitions, Values]:
    """Compute optimal values where each step costs 1: those of the start, the transitions, and all."""
    assert isinstance(run.task, Gridworld)
    world = run.task.after_change() if changed else run.task
    transitions = transitions_of(world)
    costly = transitions._replace(reward=np.full_like(transitions.reward, -1.0))
    values = optimal_values(costly, 1.0)
    return values[transitions.start], transitions, values
