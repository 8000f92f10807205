"""The trials of a control experiment: those that are finished, those that were published, and how many there are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from replication.evidence.control_records import REPETITIONS, read_variant
from replication.published.loader import published_table
from replication.specification.control_experiments import ControlExperiment


def finished_variants(experiment: ControlExperiment, results: Path) -> dict[str, pd.DataFrame]:
    """Read repetitions.csv of every finished variant, in the order of the YAML.

    Raises:
        ReplicationError: a damaged file.
    """
    return {
        variant: pd.read_csv(experiment.folder(variant, results) / REPETITIONS)
        for variant in experiment.variants
        if read_variant(experiment, variant, results) is not None
    }


def coverage(experiment: ControlExperiment, finished: Mapping[str, pd.DataFrame]) -> str:
    """Return how many of the repetitions are finished, in words."""
    of_each = len(experiment.training_episodes) * experiment.repetitions
    return f"{len(finished) * of_each:,} of {len(experiment.variants) * of_each:,} repetitions"


def published_trials(experiment: ControlExperiment) -> dict[int, tuple[int, int]]:
    """Return the published numbers of successful trials and of trials, by training episodes."""
    table = published_table(experiment.published)
    return {
        int(row["training_episodes"]): (int(row["successful"]), int(row["trials"])) for row in table.to_dict("records")
    }


def trials_after(repetitions: pd.DataFrame, episodes: int) -> pd.DataFrame:
    """Return the repetitions that had so many training episodes."""
    return repetitions[repetitions["training_episodes"] == episodes]


def successes(trials: pd.DataFrame) -> int:
    """Return how many trials were successful."""
    return int((trials["successful"] == "yes").sum())


def success_text(experiment: ControlExperiment) -> str:
    """Say for a caption when a trial is successful."""
    test, cycle_s = experiment.method.test, experiment.method.plant.cycle_s
    return (
        f"A trial is successful where its controller balances all of {test.episodes:,} test episodes for "
        f"{test.cycles * cycle_s:g} s ({test.cycles:,} cycles)."
    )
