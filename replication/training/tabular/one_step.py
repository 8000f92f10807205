"""The loop of agents that move one value after each step: Q-learning, SARSA, Expected SARSA."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replication.algorithms.tabular.contract import OneStepAlgorithm
from replication.environments.gridworlds.gridworld import TabularWorld, Transitions, transitions_of
from replication.foundation.errors import ReplicationError
from replication.foundation.random_streams import named_stream
from replication.specification.families.tabular import OneStepConfig
from replication.specification.run import Run
from replication.specification.tasks.gridworlds import Gridworld
from replication.training.tabular.choice import choose
from replication.training.tabular.playing import Played, Player


class Agent(NamedTuple):
    """An agent's settings, as the loop takes them."""

    chooses_first: bool
    """The next action is chosen before the update, and then taken."""
    step_size: float
    """0: nothing is learned."""
    discount: float
    epsilon: float
    first: bool
    """Of several actions of the highest value the first is taken; False: each is as likely."""
    epsilon_by_episode: bool
    """The share of random actions is epsilon divided by the number of the episode, from 1."""


def player(run: Run, algorithm: OneStepAlgorithm) -> Player:
    """Return how a run's agent plays episodes, from a table of zeros, which it keeps from one call to the next.

    Raises:
        ReplicationError: the run's world changes.
    """
    config, transitions = run.settings_as(OneStepConfig), unchanging_transitions(run)
    values = np.zeros(transitions.reward.shape[:2])

    def play_for(purpose: str, episodes: int, steps: int, cap: int, epsilon: float, *, learns: bool) -> Played:
        agent = Agent(
            algorithm.CHOOSES_FIRST,
            config.step_size if learns else 0.0,
            config.discount,
            epsilon,
            config.ties == "first",
            learns and config.epsilon_by_episode,
        )
        returns, lengths = np.zeros(episodes), np.zeros(episodes, np.int64)
        stream = named_stream(run.seed, run.task.name, purpose)
        ended = play(transitions, values, algorithm.td_error, agent, cap, steps, returns, lengths, stream)
        return Played(returns[:ended], lengths[:ended])

    return play_for


def unchanging_transitions(run: Run) -> Transitions:
    """Return the transitions of a run's world, which must stay as it is.

    Raises:
        ReplicationError: the world changes.
    """
    if isinstance(run.task, Gridworld) and run.task.changed_layout:
        raise ReplicationError(
            f"{run.name}: found a task that changes, which {run.variant.module} has no loop for; name "
            "dyna_q+planning_steps=0, which is Q-learning, or another task"
        )
    assert isinstance(run.task, TabularWorld)
    return transitions_of(run.task)


@njit(nogil=True)  # compiled anew for each algorithm: numba caches no loop that is given a function
def play(
    transitions: Transitions,
    values: NDArray[np.float64],
    td_error: Callable[..., float],
    agent: Agent,
    cap: int,
    steps_in_all: int,
    returns: NDArray[np.float64],
    lengths: NDArray[np.int64],
    stream: np.random.Generator,
) -> int:
    """Play episodes, move values [states, actions] after each step, and note returns and lengths [episodes].

    Args:
        transitions: of the world.
        values: float64 [states, actions].
        td_error: of the algorithm, compiled.
        agent: its settings.
        cap: steps that truncate an episode, -1: never.
        steps_in_all: steps after which play ends, within an episode or not, -1: never.
        returns: float64 [episodes], to be filled.
        lengths: int64 [episodes], in steps, to be filled.
        stream: of all draws.

    Returns: the number of whole episodes; as many as there is room for, or as fit in the steps.
    """
    next_state, rewards, terminal = transitions.next_state, transitions.reward, transitions.terminal
    deviations, actions = transitions.deviation, transitions.actions
    outcomes, played = next_state.shape[2], 0
    for episode in range(len(returns)):
        state, steps, ended, action, total = transitions.start, 0, False, -1, 0.0
        epsilon = agent.epsilon / (episode + 1) if agent.epsilon_by_episode else agent.epsilon
        q_tm1 = values[state, : actions[state]]
        while not ended and steps != cap:
            if played == steps_in_all:
                return episode
            if action < 0:
                action = choose(q_tm1, epsilon, agent.first, stream)
            outcome = int(stream.random() * outcomes) if outcomes > 1 else 0
            reward, deviation = rewards[state, action, outcome], deviations[state, action, outcome]
            if deviation > 0.0:
                reward += deviation * stream.standard_normal()
            state = next_state[state, action, outcome]
            q_t, ended, following = values[state, : actions[state]], terminal[state], -1
            if agent.chooses_first and not ended:
                following = choose(q_t, epsilon, agent.first, stream)
            discount = 0.0 if ended else agent.discount
            error = td_error(q_tm1, action, reward, discount, q_t, following, epsilon)
            q_tm1[action] += agent.step_size * error
            q_tm1, action, total, steps, played = q_t, following, total + reward, steps + 1, played + 1
        returns[episode], lengths[episode] = total, steps
    return len(returns)
