"""Runs as a faithful replication would leave them: the published scores with noise between seeds, never committed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from replication.analysis.published_counterparts import Counterpart, find_counterpart
from replication.foundation.errors import ReplicationError
from replication.published.references import reference_set
from replication.published.spreads import between_run_cv
from replication.specification.experiments import Experiment
from replication.specification.run import Run
from tests.support.synthetic import write_finished

EPISODES = 3


def replicate(experiment: Experiment, results: Path, *, factor: float = 1.0, runs: list[Run] | None = None) -> None:
    """Finish runs at `factor` times the published score, spread as Dopamine's of the game; the same each time."""
    references = reference_set(experiment.reference_set)
    for run in experiment.runs() if runs is None else runs:
        stream = np.random.default_rng(int(run.result_digest[:8], 16))
        random, human = references.random[run.task.name], references.human[run.task.name]
        found = find_counterpart(experiment.published, run, references)
        score = found.score if isinstance(found, Counterpart) else random + 0.4 * (human - random)
        try:
            coefficient = min(between_run_cv("dopamine_curves", run.task.name, "DQN"), 0.6)
        except ReplicationError:
            coefficient = 0.2
        level = random + factor * (score - random) * (1.0 + coefficient * stream.standard_normal())
        returns = level + 0.05 * abs(human - random) * stream.standard_normal(EPISODES)
        write_finished(run, results, np.round(returns, 1).tolist())
