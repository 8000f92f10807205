"""The behavior of the fitted Q family: transitions of random episodes, a network learned from them, and its trial.

A seed's draws depend on the seed and the number of training episodes alone. Variants share them: with the same plant
they learn from the same transitions, and their controllers face the same tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import numpy as np
from numpy.typing import NDArray

from replication.algorithms.fitted_q.nfq import Transitions, fitted_q_iteration, initial_weights
from replication.foundation.random_streams import named_stream
from replication.specification.families.fitted_q import FittedQConfig
from replication.specification.protocols import PolePresentation
from replication.specification.run import Run
from replication.training.bundled import Learned, open_bundles
from replication.training.contract import Cohort
from replication.training.fitted_q.transitions import random_transitions
from replication.training.fitted_q.trial import balanced_cycles
from replication.training.machine.settings import Machine


def open_cohort(runs: Sequence[Run], machine: Machine) -> AbstractContextManager[Cohort]:
    """Open bundles whose seeds are learned in turn."""
    return open_bundles(runs, machine, learn)


def learn(run: Run) -> Learned:
    """Make the transitions of a seed, learn from them, and test the controller."""
    config, data, stream = _config(run), _transitions(run), _stream(run, "initialisation")
    weights = fitted_q_iteration(data, initial_weights(stream, config), config, stream)
    return _outcome(run, data, weights)


def evaluate(run: Run, policy: NDArray[np.float64]) -> Learned:
    """Evaluate a stored controller; the transitions are made again, and nothing is learned."""
    return _outcome(run, _transitions(run), policy)


def _outcome(run: Run, data: Transitions, weights: NDArray[np.float64]) -> Learned:
    """Evaluate a controller.

    Source: Riedmiller 2005, caption of Table 1: a controller is successful that balanced the pole for all the test
        cases for the maximum time.
    """
    final = run.protocol.final_evaluation
    assert final is not None and isinstance(final.presentation, PolePresentation)
    balanced = balanced_cycles(weights, final.presentation, _config(run), final.num_episodes, _stream(run, "test"))
    whole = balanced == final.presentation.episode_cap_cycles
    columns = {
        "transitions": data.failed.size,
        "test_episodes_balanced": int(whole.sum()),
        "least_balanced_cycles": int(balanced.min()),
        "mean_balanced_cycles": float(balanced.sum()) / balanced.size,
    }
    return Learned(score=float(whole.all()), columns=columns, policy=weights)


def _transitions(run: Run) -> Transitions:
    shown = run.protocol.training
    assert isinstance(shown, PolePresentation)
    return random_transitions(shown, _config(run), run.budget.episodes, _stream(run, "transitions"))


def _config(run: Run) -> FittedQConfig:
    return run.settings_as(FittedQConfig)


def _stream(run: Run, name: str) -> np.random.Generator:
    return named_stream(run.seed, "pole", name, run.budget.episodes)
