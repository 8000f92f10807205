"""Tabular agents: each seed learns in well under a second, and keeps its settings as evidence."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replication.specification.families.tabular import ReinforceTabularConfig, TabularConfig
from replication.specification.protocols import GridworldPresentation
from replication.specification.run import Run
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
    assert isinstance(config, TabularConfig | ReinforceTabularConfig) and isinstance(shown, GridworldPresentation)
    algorithm = importlib.import_module(f"replication.algorithms.tabular.{run.variant.module}")
    play: Any = importlib.import_module(f"{__package__}.{algorithm.LEARNER}").player(run, algorithm)
    episodes, steps = run.budget.episodes or run.budget.steps, run.budget.steps or -1
    played = play("training", episodes, steps, shown.episode_cap_steps or -1, config.epsilon, learns=True)
    curve = _curve(run, shown, played)
    if final is None:
        return _scored_by_training(shown, played, curve)
    assert isinstance(final.presentation, GridworldPresentation)
    cap, epsilon = final.presentation.episode_cap_steps or -1, run.final_epsilon(final)
    evaluated = play("evaluation", final.num_episodes, -1, cap, epsilon, learns=False)
    last = {f"training_return_last_{_LAST}": float(played.returns[-_LAST:].mean())}
    return Learned(float(evaluated.returns.mean()), last, curve)


def _scored_by_training(shown: GridworldPresentation, played: Played, curve: dict[int, float]) -> Learned:
    """Score what was earned while learning: the mean over all episodes, or how many ended within the steps.

    Where episodes are cut, it says how many were.
    """
    if shown.measured == "finished_episodes":
        return Learned(float(len(played.returns)), {}, curve)
    values = _of_episodes(shown, played)
    columns: dict[str, float] = {"second_half": float(values[len(values) // 2 :].mean())}
    if shown.episode_cap_steps is not None:
        columns["cut_episodes"] = int((played.lengths == shown.episode_cap_steps).sum())
    return Learned(float(values.mean()), columns, curve)


def _of_episodes(shown: GridworldPresentation, played: Played) -> NDArray[np.float64]:
    return played.lengths.astype(np.float64) if shown.measured == "episode_steps" else played.returns


def _curve(run: Run, shown: GridworldPresentation, played: Played) -> dict[int, float]:
    """Return what the protocol measures while learning: a value an episode, or finished episodes by steps."""
    if shown.measured == "finished_episodes":
        width = -(-run.budget.steps // MOST_POINTS)
        points = np.arange(width, run.budget.steps + 1, width)
        values: NDArray[Any] = np.searchsorted(np.cumsum(played.lengths), points, side="right").astype(np.float64)
    else:
        of_episodes = _of_episodes(shown, played)
        width = -(-len(of_episodes) // MOST_POINTS)
        values = of_episodes[: len(of_episodes) // width * width].reshape(-1, width).mean(axis=1)
        points = np.arange(1, len(values) + 1) * width
    return dict(zip(points.tolist(), values.tolist(), strict=True))
