"""Agents that are searched by the returns of whole episodes: each seed learns in seconds, and keeps its settings."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import cast

import numpy as np
from numpy.typing import NDArray

from replication.algorithms.evolution.contract import EvolutionAlgorithm
from replication.environments.gymnasium.compiled import COMPILED_TASKS
from replication.evidence.solving import block_means, solving_columns
from replication.foundation.errors import ReplicationError
from replication.foundation.random_streams import named_stream
from replication.specification.protocols import GymnasiumPresentation
from replication.specification.run import Run
from replication.specification.tasks.gymnasium_tasks import GymnasiumTask
from replication.training.bundled import Learned, open_bundles
from replication.training.contract import Cohort
from replication.training.evolution.episodes import play
from replication.training.machine.settings import Machine


def open_cohort(runs: Sequence[Run], machine: Machine) -> AbstractContextManager[Cohort]:
    """Open bundles of one variant."""
    return open_bundles(runs, machine, learn)


def learn(run: Run) -> Learned:
    """Train for the budget; the score is the best mean of the last episodes, or that of all where none is asked for."""
    returns = searched(run)
    columns = solving_columns(returns, run.protocol.solving)
    return Learned(columns.pop("best_mean", float(returns.mean())), columns, block_means(returns))


def searched(run: Run) -> NDArray[np.float64]:
    """Return what each round of the search scores, float64 [rounds].

    Raises:
        ReplicationError: the task is not compiled, or has other actions than the algorithm's policies.
    """
    algorithm = cast(
        EvolutionAlgorithm, importlib.import_module(f"replication.algorithms.evolution.{run.variant.module}")
    )
    task, config = COMPILED_TASKS.get(run.task.name), run.settings
    fitting = [
        name for name, known in COMPILED_TASKS.items() if bool(known.discrete_actions) == algorithm.DISCRETE_ACTIONS
    ]
    if task is None or run.task.name not in fitting:
        raise ReplicationError(
            f"{run.name}: found task {run.task.name}, expected one that {run.variant.module} can play, "
            f"{' or '.join(fitting)}; name that"
        )
    shown = run.protocol.training
    assert isinstance(shown, GymnasiumPresentation) and isinstance(run.task, GymnasiumTask)
    cap = run.task.cap_steps(shown.episode_cap_steps) or run.task.registered_cap_steps
    search, starts = (named_stream(run.seed, run.task.name, name) for name in ("search", "starts"))

    def returns_of(policies: NDArray[np.float64]) -> NDArray[np.float64]:
        return play(task.begin, task.advance, algorithm.act, task.numbers, policies, cap, starts)

    state = algorithm.begin(config, algorithm.weights_of(config, task.numbers, task.discrete_actions or 1), search)
    scored = np.zeros(run.budget.iterations or run.budget.episodes)
    for number in range(scored.size):
        tried = algorithm.candidates(state, config, search)
        found = returns_of(tried)
        state = algorithm.learn(state, tried, found, config, search)
        scored[number] = returns_of(algorithm.learned(state)[None])[0] if algorithm.SCORES_MEAN else found[0]
    return scored
