"""The loop of agents that learn values of a state of two numbers, by tile coding and n-step returns: SARSA."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replication.environments.gymnasium.mountain_car import (
    NUM_ACTIONS,
    POSITIONS,
    VELOCITIES,
    start_position,
    step_car,
)
from replication.foundation.errors import ReplicationError
from replication.foundation.random_streams import named_stream
from replication.specification.families.tabular import SarsaTilesConfig
from replication.specification.run import Run
from replication.training.tabular.choice import choose
from replication.training.tabular.playing import Played, Player

_TASK = "mountain_car"


class TilesAgent(NamedTuple):
    """An agent's settings, as the loop takes them."""

    step_size: float
    """Of each tile: alpha of the book."""
    discount: float
    epsilon: float
    first: bool
    """Of several actions of the highest value the first is taken; False: each is as likely."""
    n_steps: int
    tilings: int
    tiles: int
    """Of a tiling, in each dimension, without the one more that a shifted tiling needs."""


def player(run: Run, algorithm: ModuleType) -> Player:
    """Return how a run's agent plays episodes, from weights of 0, which it keeps from one call to the next.

    Raises:
        ReplicationError: its task is not the mountain car.
    """
    config = run.settings_as(SarsaTilesConfig)
    if run.task.name != _TASK:
        raise ReplicationError(f"{run.name}: found task {run.task.name}, expected {_TASK}, the one with tiles")
    weights = np.zeros((config.tilings * (config.tiles + 1) ** 2, NUM_ACTIONS))

    def play_for(purpose: str, episodes: int, steps: int, cap: int, epsilon: float, *, learns: bool) -> Played:
        step_size = config.step_size / config.tilings if learns else 0.0
        sizes = config.n_steps, config.tilings, config.tiles
        agent = TilesAgent(step_size, config.discount, epsilon, config.ties == "first", *sizes)
        returns, lengths = np.zeros(episodes), np.zeros(episodes, np.int64)
        stream = named_stream(run.seed, run.task.name, purpose)
        functions = algorithm.tile, algorithm.value, algorithm.n_step_return
        play(weights, *functions, agent, cap, returns, lengths, stream)
        return Played(returns, lengths)

    return play_for


@njit(nogil=True)  # compiled anew for each algorithm: numba caches no loop that is given a function
def play(
    weights: NDArray[np.float64],
    tile: Callable[..., int],
    value: Callable[..., float],
    n_step_return: Callable[..., float],
    agent: TilesAgent,
    cap: int,
    returns: NDArray[np.float64],
    lengths: NDArray[np.int64],
    stream: np.random.Generator,
) -> None:
    """Play episodes of the mountain car, move weights, and note returns and lengths [episodes].

    Args:
        weights: float64 [tiles of all tilings, actions].
        tile: of the algorithm, compiled.
        value: of the algorithm, compiled.
        n_step_return: of the algorithm, compiled.
        agent: its settings.
        cap: steps that truncate an episode, -1: never; the last n of them are then not learned from.
        returns: float64 [episodes], to be filled.
        lengths: int64 [episodes], in steps, to be filled.
        stream: of all draws.
    """
    n, side = agent.n_steps, agent.tiles + 1
    ring = n + 1
    active, actions = np.zeros((ring, agent.tilings), np.int64), np.zeros(ring, np.int64)
    rewards, values = np.zeros(ring), np.zeros(NUM_ACTIONS)
    for episode in range(len(returns)):
        position, velocity, t, end = start_position(stream), 0.0, 0, -1
        here = 0  # of the ring: the state after t steps
        while True:
            if end < 0:
                for tiling in range(agent.tilings):
                    row = tile(position, POSITIONS[0], POSITIONS[1], agent.tiles, agent.tilings, tiling)
                    column = tile(velocity, VELOCITIES[0], VELOCITIES[1], agent.tiles, agent.tilings, 3 * tiling)
                    active[here, tiling] = (tiling * side + row) * side + column
                for a in range(NUM_ACTIONS):
                    values[a] = value(weights, active[here], a)
                actions[here] = choose(values, agent.epsilon, agent.first, stream)
            updated = t - n  # the step that is learned from, now that n steps have followed it, or the end
            if updated >= 0:
                count, following = n, 0.0
                if end < 0:
                    following = value(weights, active[here], actions[here])
                else:
                    count = min(n, end - updated)
                target = n_step_return(rewards, updated, count, agent.discount, following)
                then = updated % ring
                error = target - value(weights, active[then], actions[then])
                for place in active[then]:
                    weights[place, actions[then]] += agent.step_size * error
                if updated == end - 1:
                    break
            if end < 0:
                if t == cap:
                    break
                position, velocity = step_car(position, velocity, actions[here])
                rewards[here] = -1.0
                if position == POSITIONS[1]:
                    end = t + 1
            t += 1
            here = t % ring
        lengths[episode] = end if end >= 0 else t
        returns[episode] = -float(lengths[episode])
