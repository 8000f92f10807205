"""Tabular agents: each seed learns in well under a second, and keeps its settings as evidence."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replication.environments.gridworlds.gridworld import Transitions, transitions_of
from replication.foundation.random_streams import named_stream
from replication.specification.families.tabular import TabularConfig
from replication.specification.protocols import AnyPresentation, GridworldPresentation
from replication.specification.run import Run
from replication.specification.tasks.gridworlds import Gridworld
from replication.training.bundled import Learned, open_bundles
from replication.training.contract import Cohort
from replication.training.machine.settings import Machine

_LAST = 100
"""Training episodes at the end whose mean return stands beside the score."""


def open_cohort(runs: Sequence[Run], machine: Machine) -> AbstractContextManager[Cohort]:
    """Open bundles of one variant."""
    return open_bundles(runs, machine, learn)


def learn(run: Run) -> Learned:
    """Train a table of action values in the episodes of the budget, then evaluate it."""
    world, config, final = run.task, run.settings_as(TabularConfig), run.protocol.final_evaluation
    assert isinstance(world, Gridworld) and final is not None
    transitions = transitions_of(world)
    algorithm = importlib.import_module(f"replication.algorithms.tabular.{run.variant.module}")
    values = np.zeros(transitions.reward.shape)

    def returns(
        presentation: AnyPresentation, purpose: str, episodes: int, epsilon: float, step_size: float
    ) -> NDArray[np.float64]:
        assert isinstance(presentation, GridworldPresentation)
        cap, stream = presentation.episode_cap_steps or -1, named_stream(run.seed, world.name, purpose)
        found = np.zeros(episodes)
        _play(transitions, values, algorithm.td_error, step_size, config.discount, epsilon, cap, found, stream)
        return found

    training = returns(run.protocol.training, "training", run.budget.episodes, config.epsilon, config.step_size)
    evaluated = returns(final.presentation, "evaluation", final.num_episodes, run.final_epsilon(final), 0.0)
    return Learned(
        score=float(evaluated.mean()),
        columns={f"training_return_last_{_LAST}": float(training[-_LAST:].mean())},
        curve={episode: float(value) for episode, value in enumerate(training, start=1)},
    )


@njit(nogil=True)  # compiled anew for each algorithm: numba caches no loop that is given a function
def _play(
    transitions: Transitions,
    values: NDArray[np.float64],
    td_error: Callable[..., float],
    step_size: float,
    discount: float,
    epsilon: float,
    cap: int,
    returns: NDArray[np.float64],
    stream: np.random.Generator,
) -> None:
    """Play episodes, move values [states, actions] after each step, and add up their returns [episodes].

    Args: `cap` steps truncate an episode, -1: never; with a step size of 0 nothing is learned.
    """
    for episode in range(len(returns)):
        state, steps, ended = transitions.start, 0, False
        while not ended and steps != cap:
            action = _choose(values[state], epsilon, stream)
            reached, reward = transitions.next_state[state, action], transitions.reward[state, action]
            ended = transitions.terminal[state, action]
            error = td_error(values[state], action, reward, 0.0 if ended else discount, values[reached])
            values[state, action] += step_size * error
            returns[episode] += reward
            state, steps = reached, steps + 1


@njit(cache=True, nogil=True)
def _choose(values: NDArray[np.float64], epsilon: float, stream: np.random.Generator) -> int:
    """Choose a random action with probability epsilon, else one of those of the highest value, each as likely."""
    if stream.random() < epsilon:
        return int(stream.random() * len(values))
    highest = np.flatnonzero(values == values.max())
    return int(highest[int(stream.random() * len(highest))])
