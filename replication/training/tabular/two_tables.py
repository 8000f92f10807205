"""The loop of agents that learn two tables of action values and choose by their sum: Double Q-learning."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replication.algorithms.tabular.contract import TwoTablesAlgorithm
from replication.environments.gridworlds.gridworld import Transitions
from replication.foundation.random_streams import named_stream
from replication.specification.families.tabular import TabularConfig
from replication.specification.run import Run
from replication.training.tabular.choice import choose
from replication.training.tabular.one_step import unchanging_transitions
from replication.training.tabular.playing import Played, Player


class TwoTablesAgent(NamedTuple):
    """An agent's settings, as the loop takes them."""

    step_size: float
    """0: nothing is learned."""
    discount: float
    epsilon: float
    first: bool
    """Of several actions of the highest value the first is taken; False: each is as likely."""


def player(run: Run, algorithm: TwoTablesAlgorithm) -> Player:
    """Return how a run's agent plays episodes, from two tables of zeros, which it keeps from one call to the next.

    Raises:
        ReplicationError: the run's world changes.
    """
    config, transitions = run.settings_as(TabularConfig), unchanging_transitions(run)
    tables = np.zeros((2, *transitions.reward.shape[:2]))

    def play_for(purpose: str, episodes: int, steps: int, cap: int, epsilon: float, *, learns: bool) -> Played:
        step_size = config.step_size if learns else 0.0
        agent = TwoTablesAgent(step_size, config.discount, epsilon, config.ties == "first")
        returns, lengths = np.zeros(episodes), np.zeros(episodes, np.int64)
        stream = named_stream(run.seed, run.task.name, purpose)
        ended = play(transitions, tables, algorithm.td_error, agent, cap, steps, returns, lengths, stream)
        return Played(returns[:ended], lengths[:ended])

    return play_for


@njit(nogil=True)  # compiled anew for each algorithm: numba caches no loop that is given a function
def play(
    transitions: Transitions,
    tables: NDArray[np.float64],
    td_error: Callable[..., float],
    agent: TwoTablesAgent,
    cap: int,
    steps_in_all: int,
    returns: NDArray[np.float64],
    lengths: NDArray[np.int64],
    stream: np.random.Generator,
) -> int:
    """Play episodes, move a value of one of the two tables after each step, and note returns and lengths [episodes].

    Args:
        transitions: of the world.
        tables: float64 [2, states, actions].
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
        state, steps, ended, total = transitions.start, 0, False, 0.0
        while not ended and steps != cap:
            if played == steps_in_all:
                return episode
            sums = tables[0, state, : actions[state]] + tables[1, state, : actions[state]]
            action = choose(sums, agent.epsilon, agent.first, stream)
            outcome = int(stream.random() * outcomes) if outcomes > 1 else 0
            reward, deviation = rewards[state, action, outcome], deviations[state, action, outcome]
            if deviation > 0.0:
                reward += deviation * stream.standard_normal()
            reached = next_state[state, action, outcome]
            ended = terminal[reached]
            moved = 0 if stream.random() < 0.5 else 1
            q1_t = tables[moved, reached, : actions[reached]]
            best = 0 if ended else choose(q1_t, 0.0, agent.first, stream)
            discount = 0.0 if ended else agent.discount
            q2_t = tables[1 - moved, reached, : actions[reached]]
            error = td_error(tables[moved, state], action, reward, discount, best, q2_t)
            tables[moved, state, action] += agent.step_size * error
            state, total, steps, played = reached, total + reward, steps + 1, played + 1
        returns[episode], lengths[episode] = total, steps
    return len(returns)
