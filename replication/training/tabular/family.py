"""Tabular agents: each seed learns in well under a second, and keeps its settings as evidence."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replication.algorithms.modules import algorithm_module
from replication.specification.families.tabular import ReinforceTabularConfig, TabularConfig
from replication.specification.protocols import AnyPresentation, GridworldPresentation, GymnasiumPresentation
from replication.specification.run import Run
from replication.specification.tasks.gymnasium_tasks import GymnasiumTask
from replication.training.bundled import Learned, open_bundles
from replication.training.contract import Cohort
from replication.training.machine.settings import Machine
from replication.training.tabular.playing import Played

_LAST = 100
"""Training episodes at the end whose mean return stands beside the score of an evaluation."""
MOST_POINTS = 500
"""Of a curve. Longer ones are means over blocks of episodes of one length."""


def open_cohort(runs: Sequence[Run], machine: Machine) -> AbstractContextManager[Cohort]:
    """Open bundles of one variant."""
    return open_bundles(runs, machine, learn)


def learn(run: Run) -> Learned:
    """Train a table of action values for the budget, then evaluate it where the protocol does."""
    config, shown, final = run.settings, run.protocol.training, run.protocol.final_evaluation
    assert isinstance(config, TabularConfig | ReinforceTabularConfig)
    algorithm: Any = algorithm_module("tabular", run.variant.module)
    play: Any = importlib.import_module(f"{__package__}.{algorithm.LEARNER}").player(run, algorithm)
    episodes, steps = run.budget.episodes or run.budget.steps, run.budget.steps or -1
    played = play("training", episodes, steps, _cap_steps(run, shown) or -1, config.epsilon, learns=True)
    curve = _curve(run, shown, played)
    if final is None:
        return _scored_by_training(run, shown, played, curve)
    cap, epsilon = _cap_steps(run, final.presentation) or -1, run.final_epsilon(final)
    evaluated = play("evaluation", final.num_episodes, -1, cap, epsilon, learns=False)
    last = {f"training_return_last_{_LAST}": float(played.returns[-_LAST:].mean())}
    return Learned(float(evaluated.returns.mean()), last, curve)


def _cap_steps(run: Run, shown: AnyPresentation) -> int | None:
    """Return the steps after which an episode is cut; None: never."""
    assert isinstance(shown, GridworldPresentation | GymnasiumPresentation)
    if shown.episode_cap_steps == "registered":
        assert isinstance(run.task, GymnasiumTask)
        return run.task.registered_cap_steps
    return shown.episode_cap_steps


def _measured(shown: AnyPresentation) -> str:
    """Return what is kept of training: of a task of Gymnasium the returns of episodes."""
    return shown.measured if isinstance(shown, GridworldPresentation) else "episode_return"


def _scored_by_training(run: Run, shown: AnyPresentation, played: Played, curve: dict[int, float]) -> Learned:
    """Score what was earned while learning: the mean over all episodes, or how many ended within the steps.

    Where episodes are cut, it says how many were.
    """
    if _measured(shown) == "finished_episodes":
        return Learned(float(len(played.returns)), {}, curve)
    values = _of_episodes(shown, played)
    columns: dict[str, float] = {"second_half": float(values[len(values) // 2 :].mean())}
    cap = _cap_steps(run, shown)
    if cap is not None:
        columns["cut_episodes"] = int((played.lengths == cap).sum())
    return Learned(float(values.mean()), columns, curve)


def _of_episodes(shown: AnyPresentation, played: Played) -> NDArray[np.float64]:
    return played.lengths.astype(np.float64) if _measured(shown) == "episode_steps" else played.returns


def _curve(run: Run, shown: AnyPresentation, played: Played) -> dict[int, float]:
    """Return what the protocol measures while learning: a value an episode, or finished episodes by steps."""
    if _measured(shown) == "finished_episodes":
        width = -(-run.budget.steps // MOST_POINTS)
        points = np.arange(width, run.budget.steps + 1, width)
        values: NDArray[Any] = np.searchsorted(np.cumsum(played.lengths), points, side="right").astype(np.float64)
    else:
        of_episodes = _of_episodes(shown, played)
        width = -(-len(of_episodes) // MOST_POINTS)
        values = of_episodes[: len(of_episodes) // width * width].reshape(-1, width).mean(axis=1)
        points = np.arange(1, len(values) + 1) * width
    return dict(zip(points.tolist(), values.tolist(), strict=True))
