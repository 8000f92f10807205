"""The loop of agents that learn a policy from whole episodes: REINFORCE, with and without a baseline."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replication.environments.gridworlds.gridworld import Transitions
from replication.foundation.errors import ReplicationError
from replication.foundation.random_streams import named_stream
from replication.specification.families.tabular import ReinforceTabularConfig
from replication.specification.run import Run
from replication.training.tabular.one_step import unchanging_transitions
from replication.training.tabular.playing import Played, Player


class PolicyAgent(NamedTuple):
    """An agent's settings, as the loop takes them."""

    step_size: float
    baseline_step_size: float
    """0: there is no baseline."""
    discount: float
    least_probability: float


def player(run: Run, algorithm: ModuleType) -> Player:
    """Return how a run's agent plays episodes, from the policy that its settings start with.

    Raises:
        ReplicationError: its protocol evaluates or has no cap on episodes; its world changes, or has states with
            another number of actions than two.
    """
    config, transitions = run.settings_as(ReinforceTabularConfig), unchanging_transitions(run)
    if run.protocol.final_evaluation is not None or getattr(run.protocol.training, "episode_cap_steps", None) is None:
        raise ReplicationError(
            f"{run.name}: protocol {run.protocol.protocol}: found an evaluation or no cap on episodes, expected a cap "
            "alone for an agent that learns a policy, whose episodes may not end; name corridor_2018"
        )
    if set(transitions.actions[~transitions.terminal].tolist()) != {2}:
        raise ReplicationError(f"{run.name}: found states with other numbers of actions, expected two in each")
    theta, weight = np.zeros(2), np.zeros(1)
    theta[1] = 0.5 * log(config.start_probability / (1.0 - config.start_probability))
    theta[0] = -theta[1]

    def play_for(purpose: str, episodes: int, steps: int, cap: int, epsilon: float, *, learns: bool) -> Played:
        agent = PolicyAgent(config.step_size, config.baseline_step_size, config.discount, config.least_probability)
        returns, lengths = np.zeros(episodes), np.zeros(episodes, np.int64)
        stream = named_stream(run.seed, run.task.name, purpose)
        functions = algorithm.policy, algorithm.theta_change
        play(transitions, theta, weight, *functions, agent, cap, returns, lengths, stream)
        return Played(returns, lengths)

    return play_for


@njit(nogil=True)  # compiled anew for each algorithm: numba caches no loop that is given a function
def play(
    transitions: Transitions,
    theta: NDArray[np.float64],
    weight: NDArray[np.float64],
    policy: Callable[..., NDArray[np.float64]],
    theta_change: Callable[..., NDArray[np.float64]],
    agent: PolicyAgent,
    cap: int,
    returns: NDArray[np.float64],
    lengths: NDArray[np.int64],
    stream: np.random.Generator,
) -> None:
    """Play episodes, learn from each at its end, step by step from its first, and note returns and lengths.

    Args:
        transitions: of the world, whose rewards are certain.
        theta: float64 [actions], which is moved.
        weight: float64 [1], the baseline, which is moved.
        policy: of the algorithm, compiled.
        theta_change: of the algorithm, compiled.
        agent: its settings.
        cap: steps that truncate an episode.
        returns: float64 [episodes], to be filled.
        lengths: int64 [episodes], in steps, to be filled.
        stream: of all draws.
    """
    taken, earned = np.zeros(cap, np.int64), np.zeros(cap)
    for episode in range(len(returns)):
        state, steps = transitions.start, 0
        probabilities = policy(theta, agent.least_probability)
        while not transitions.terminal[state] and steps < cap:
            action = 1 if stream.random() < probabilities[1] else 0
            taken[steps], earned[steps] = action, transitions.reward[state, action, 0]
            returns[episode] += earned[steps]
            state, steps = transitions.next_state[state, action, 0], steps + 1
        lengths[episode] = steps
        later = 0.0
        for t in range(steps - 1, -1, -1):  # G_t takes the place of R_t+1
            later = earned[t] + agent.discount * later
            earned[t] = later
        discount_power = 1.0
        for t in range(steps):
            delta = earned[t]
            if agent.baseline_step_size > 0.0:
                delta -= weight[0]
                weight[0] += agent.baseline_step_size * delta
            probabilities = policy(theta, agent.least_probability)
            theta += agent.step_size * theta_change(probabilities, taken[t], delta, discount_power)
            discount_power *= agent.discount
