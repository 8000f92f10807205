"""Successful trials, a run a trial: how many of each variant and number of training episodes, ours and published."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from replication.analysis.finished import FinishedRun
from replication.analysis.learning_curves import unlike_parts
from replication.published.loader import published_table
from replication.specification.experiments import Experiment
from replication.specification.protocols import PolePresentation
from replication.specification.run import Run


@dataclass(frozen=True)
class Trials:
    """The finished trials of one variant after one number of training episodes."""

    rows: tuple[Mapping[str, Any], ...]
    """Of scores.csv."""

    @property
    def count(self) -> int:
        """The number of trials."""
        return len(self.rows)

    @property
    def successful(self) -> int:
        """The number of trials that were successful."""
        return sum(float(row["score"]) == 1.0 for row in self.rows)

    @property
    def mean_transitions(self) -> float:
        """Transitions that a trial learned from, in the mean."""
        return float(np.mean([row["transitions"] for row in self.rows]))

    @property
    def least_balanced_cycles(self) -> int:
        """The shortest of all test episodes of all trials."""
        return min(int(row["least_balanced_cycles"]) for row in self.rows)


def finished_trials(experiment: Experiment, finished: Sequence[FinishedRun]) -> dict[tuple[str, int], Trials]:
    """Gather the finished trials by series and number of training episodes."""
    series = series_of(experiment)
    rows: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for found in finished:
        assert found.row is not None
        rows.setdefault((series(found.run), found.run.budget.episodes), []).append(found.row)
    return {key: Trials(tuple(of_key)) for key, of_key in rows.items()}


def series_of(experiment: Experiment) -> Callable[[Run], str]:
    """Return what names the series of a run: its variant, and where that has several, its protocol and preset."""
    same: dict[str, list[Run]] = {}
    for run in experiment.runs():
        same.setdefault(run.variant.variant, []).append(run)

    @cache
    def words(variant: str, protocol: str, preset: str | None) -> str:
        runs = same[variant]
        run = next(run for run in runs if (run.protocol.protocol, _preset(run)) == (protocol, preset))
        return ", ".join([variant, *unlike_parts(run, runs, budgets=False)])

    return lambda run: words(run.variant.variant, run.protocol.protocol, _preset(run))


def _preset(run: Run) -> str | None:
    return run.preset.preset if run.preset else None


def variants_of(experiment: Experiment) -> dict[str, Run]:
    """Return a run of each series, by its name, in the order of the YAML; without the networks that are its floor."""
    series = series_of(experiment)
    found: dict[str, Run] = {}
    for run in experiment.runs():
        if run.variant.variant != experiment.floor:
            found.setdefault(series(run), run)
    return found


def floor_trials(experiment: Experiment, finished: Sequence[FinishedRun]) -> Trials | None:
    """Return the trials of networks that learned nothing; None where the experiment names none, or none is finished."""
    rows = [found.row for found in finished if found.run.variant.variant == experiment.floor and found.row is not None]
    return Trials(tuple(rows)) if rows else None


def training_episodes(experiment: Experiment) -> list[int]:
    """List the numbers of training episodes that it asks for, ascending."""
    return sorted({run.budget.episodes for run in experiment.runs()})


def published_trials(experiment: Experiment) -> dict[int, tuple[int, int]]:
    """Return the published numbers of successful trials and of trials, by training episodes."""
    assert experiment.published is not None
    table = published_table(experiment.published.source)
    return {
        int(row["training_episodes"]): (int(row["successful"]), int(row["trials"])) for row in table.to_dict("records")
    }


def tests_of(run: Run) -> tuple[int, PolePresentation]:
    """Return how many test episodes a trial has, and how they are presented."""
    final = run.protocol.final_evaluation
    assert final is not None and isinstance(final.presentation, PolePresentation)
    return final.num_episodes, final.presentation


def success_text(run: Run) -> str:
    """Say for a caption when a trial is successful."""
    episodes, test = tests_of(run)
    cycles = test.episode_cap_cycles or 0
    return (
        f"A trial is successful where its controller balances all of {episodes:,} test episodes for "
        f"{cycles * test.plant.cycle_s:g} s ({cycles:,} cycles)."
    )
