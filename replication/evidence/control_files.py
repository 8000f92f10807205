"""The files that the workflow asks of control experiments, and which are there. It loads neither numpy nor torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from replication.evidence.control_records import read_variant
from replication.foundation.paths import PACKAGE, WORKFLOW
from replication.specification.control_experiments import (
    ControlExperiment,
    known_control_experiments,
    load_control_experiment,
)

TABLES = ("table1", "variants")
FIGURES = ("successful_trials",)


@dataclass(frozen=True)
class ControlJobs:
    """The jobs of a control experiment: its variants, then its tables, figure and page."""

    experiment: ControlExperiment
    records: Mapping[str, str]
    """The record of each variant, made or not."""
    missing: frozenset[str]
    """Records that are still to be made."""
    rendered: tuple[str, ...]
    """Tables, figures and page."""
    sources: tuple[str, ...]
    """What they are made with, as seen from the root of the repository."""


def control_jobs(results: Path) -> dict[str, ControlJobs]:
    """Return the jobs of every control experiment, by its name.

    Raises:
        ReplicationError: a bad experiment; a damaged file.
    """
    return {name: _jobs(load_control_experiment(name), results) for name in known_control_experiments()}


def _jobs(experiment: ControlExperiment, results: Path) -> ControlJobs:
    records = {name: str(experiment.folder(name, results) / "run.json") for name in experiment.variants}
    missing = {records[name] for name in experiment.variants if read_variant(experiment, name, results) is None}
    folder = results / experiment.experiment
    tables = [folder / "tables" / f"{name}.{kind}" for name in TABLES for kind in ("csv", "md", "tex")]
    figures = [folder / "figures" / f"{name}.{kind}" for name in FIGURES for kind in ("svg", "png", "csv", "txt")]
    rendered = [*tables, *figures, folder / "index.html"]
    report = PACKAGE / "report"
    made_with = [WORKFLOW / "control" / f"{experiment.experiment}.yaml"]
    made_with += [report / "control_tables.py", report / "control_figures.py"]
    made_with += [report / "pages" / "control.py", report / "pages" / "templates" / "control.html"]
    sources = tuple(str(path.relative_to(WORKFLOW.parent)) for path in made_with)
    return ControlJobs(experiment, records, frozenset(missing), tuple(map(str, rendered)), sources)
