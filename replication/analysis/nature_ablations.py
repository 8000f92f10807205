"""Scores as the article's comparisons print them: the highest periodic evaluation, at the best of the learning rates.

Source: Mnih et al. 2015, Extended Data Tables 3 and 4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from replication.analysis.finished import FinishedRun
from replication.analysis.learning_curves import unlike_parts
from replication.specification.experiments import Experiment
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.run import Run


@dataclass(frozen=True)
class BestOfRates:
    """The best score of one agent on one game over its learning rates.

    Attributes:
        score: highest mean return of the periodic evaluations, mean over seeds, at the best rate; None: nothing is
            finished.
        learning_rate: the best one.
        finished: learning rates with a finished run.
        rates: learning rates that the experiment names.
    """

    score: float | None
    learning_rate: float | None
    finished: int
    rates: int


def best_of_rates(
    experiment: Experiment, finished: Sequence[FinishedRun], game: str, belongs: Callable[[Run], bool]
) -> BestOfRates:
    """Find the best of the learning rates of one agent on one game.

    Args:
        experiment: whose runs they are.
        finished: its finished runs.
        game: ROM id.
        belongs: whether a run is of the agent; its runs differ by variant, each with its learning rate, and seed.
    """
    rates = {
        run.variant.variant: learning_rate(run) for run in experiment.runs() if run.task.name == game and belongs(run)
    }
    highest: dict[str, list[float]] = {}
    for found in finished:
        if found.run.task.name == game and belongs(found.run) and found.curve is not None:
            scores = found.curve["score"].dropna()
            if len(scores):
                highest.setdefault(found.run.variant.variant, []).append(float(scores.max()))
    means = {variant: float(np.mean(scores)) for variant, scores in highest.items()}
    best = max(means, key=lambda variant: means[variant], default=None)
    if best is None:
        return BestOfRates(None, None, 0, len(rates))
    return BestOfRates(means[best], rates[best], len(means), len(rates))


def lengths_and_protocols(experiment: Experiment) -> dict[str, Callable[[Run], bool]]:
    """Return the ways in which the experiment trains, each with what says whether a run is trained so.

    Returns: by a text that follows the name of an agent; empty where all runs are trained alike.
    """
    runs = [run for run in experiment.runs() if run.family.trains]

    def way(run: Run) -> str:
        return "".join(f", {part}" for part in unlike_parts(run, runs))

    def trained_so(text: str) -> Callable[[Run], bool]:
        return lambda run: run.family.trains and way(run) == text

    return {text: trained_so(text) for text in dict.fromkeys(map(way, runs)) or ("",)}


def learning_rate(run: Run) -> float:
    """Return the learning rate of a run's optimizer."""
    return run.settings_as(OffPolicyConfig).optimizer.learning_rate


def has_replay(run: Run) -> bool:
    """Return whether minibatches are drawn from a replay memory, and are not its newest transitions."""
    return run.settings_as(OffPolicyConfig).replay_sampling.name != "newest"


def has_target_network(run: Run) -> bool:
    """Return whether updates are made between two copies into the target network."""
    config = run.settings_as(OffPolicyConfig)
    return config.target_update_period_steps > config.update_period_steps


def is_linear(run: Run) -> bool:
    """Return whether the values are a linear function of the pixels."""
    network = run.settings_as(OffPolicyConfig).network
    return not network.convolutions and not network.hidden_units
