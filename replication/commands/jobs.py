"""The jobs of an experiment, for the Snakefile: its files, the commands that make them, the runs that train together.

This is evaluated at every start of Snakemake, so nothing here imports torch, numpy or pandas.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from replication.commands.cohorts import cohort_name, form_cohorts
from replication.commands.inventory import Inventory, other_files
from replication.commands.job_markers import cohort_marker, markers_there, remove_markers, run_marker, views_marker
from replication.evidence.records import finished_folder, record_path, unfinished
from replication.evidence.state_files import lacks_views
from replication.foundation.errors import ReplicationError
from replication.foundation.files import listed
from replication.foundation.paths import PACKAGE, WORKFLOW, state_root, workflow_path
from replication.foundation.resources import usable_cpus
from replication.foundation.validation import Count, Settings, shown, validated
from replication.report.captions import read_caption
from replication.specification.experiments import Experiment, experiment_path, known_experiments, load_experiment
from replication.specification.run import Run, one_a_record
from replication.specification.run_arguments import run_arguments

_SETTINGS = ("algorithms", "protocols", "presets", "originals")
"""Folders of workflow/ whose titles and deviations stand in tables and figures."""


def _lanes(given: object) -> object:
    if given != "auto" and (type(given) is not int or given < 1):
        raise ValueError(f"expected auto or a whole number greater than or equal to 1, found {shown(given)}")
    return given


class WorkflowConfig(Settings):
    """The keys of `snakemake --config`."""

    experiment: str
    """Name of a file of workflow/experiments; +KEY=VALUE after it changes a setting."""
    results: str
    """Root of the results."""
    lanes: Annotated[int | Literal["auto"], BeforeValidator(_lanes)]
    """Runs that may train in one process; 1: each run is a job of its own; auto: as many as its memory holds."""
    memory_gb: Annotated[float, Field(gt=0)] | None
    """Memory of one process, for `lanes: auto`; None: all of this machine. A cluster must be told: each of its machines
    reads the workflow again and has to find the same cohorts."""
    device: str
    """Device that trains: cpu or cuda. Where lanes > 1 it is usually cuda."""
    workers: Count | None
    """Beside a GPU: processes that emulate for one that learns, and the threads of its job; None: one a core."""
    max_seconds: Count | None
    """Limit of time of a job that trains, from its start; with `--retries N` a job that is over it is started again."""


def workflow_config(given: Mapping[str, Any]) -> WorkflowConfig:
    """Check Snakemake's `config` and fill in what was left out.

    Raises:
        ReplicationError: no experiment; an unknown or mistyped key.
    """
    if not given.get("experiment"):
        known = ", ".join(known_experiments())
        raise ReplicationError(f"which experiment? give --config experiment=NAME; known: {known}")
    left_out = dict.fromkeys(("memory_gb", "workers", "max_seconds"))
    defaults = {"results": "results", "lanes": 1, "device": "cpu", **left_out}
    # Snakemake reads a value as YAML: a folder named 2026 comes as a number.
    texts = {key: str(value) for key, value in given.items() if key in ("experiment", "results")}
    found = validated(WorkflowConfig, defaults | dict(given) | texts, Path("--config"))
    # A command takes the one for an option, Snakemake the other for a wildcard: both when runs are trained already.
    if found.results.startswith("-") or set(found.results) & set("{}\n"):
        raise ReplicationError(
            f"--config: results: found {found.results!r}, expected a folder that begins with no dash and has no brace "
            "or line break in its path; name another"
        )
    return found


@dataclass(frozen=True)
class Jobs:
    """The jobs of an experiment: its runs, each alone or in a cohort, their views, and what its page is made from."""

    experiment: Experiment
    runs: tuple[Run, ...]
    """One for each record; one of a bundle stands for all of it."""
    cohorts: tuple[tuple[Run, ...], ...]
    """Runs that train in one process: all of one variant, budget, preset and protocol, a full grid of games x seeds."""
    missing: tuple[Run, ...]
    viewed: tuple[Run, ...]
    """Runs that are to be embedded and filmed, once they are finished."""
    results: Path
    device: str
    workers: int | None
    max_seconds: int | None

    @property
    def finished_runs(self) -> list[str]:
        """The records that are there. No rule has them as outputs, so nothing ever deletes them."""
        missing = {run.record_digest for run in self.missing}
        return [str(record_path(run, self.results)) for run in self.runs if run.record_digest not in missing]

    @property
    def made_runs(self) -> list[str]:
        """The markers of the jobs that make what is missing."""
        together = [self.cohort_marker(cohort) for cohort in self.cohorts]
        return together + [run_marker(run, self.results) for run in self.alone]

    @property
    def made_views(self) -> list[str]:
        """The markers of the jobs that embed and film."""
        return [views_marker(run, self.results) for run in self.viewed]

    def made_by(self, run: Run) -> list[str]:
        """Return the marker of the job that makes a run; an empty list where the run is finished."""
        for cohort in self.cohorts:
            if run.record_digest in {lane.record_digest for lane in cohort}:
                return [self.cohort_marker(cohort)]
        alone = {each.record_digest for each in self.alone}
        return [run_marker(run, self.results)] if run.record_digest in alone else []

    def cohort_marker(self, cohort: Sequence[Run]) -> str:
        """Return the marker of a cohort's job."""
        return cohort_marker(cohort_name(cohort), self.results)

    @property
    def alone(self) -> list[Run]:
        """Missing runs that are in no cohort."""
        together = {run.record_digest for cohort in self.cohorts for run in cohort}
        return [run for run in self.missing if run.record_digest not in together]

    @classmethod
    def pattern(cls, key: str, runs: Iterable[Run]) -> str:
        """Return a regex of exactly the values that a wildcard (variant, task, seeds, digest) takes among runs."""
        return "|".join(sorted({re.escape(cls._wildcards(run)[key]) for run in runs})) or "none"

    def run_of(self, wildcards: Mapping[str, str]) -> Run:
        """Find the run of these wildcards.

        Raises:
            ReplicationError: each value belongs to some run of the experiment, but not together to one.
        """
        for run in self.runs:
            if all(wildcards[key] == value for key, value in self._wildcards(run).items()):
                return run
        raise ReplicationError(f"experiment {self.experiment.experiment} has no run {dict(wildcards)}")

    def gpus(self, run: Run) -> int:
        """Return how many GPUs the job of a run, or of a cohort with it, takes."""
        return int(self.device != "cpu" and run.family.trains)

    def threads(self, run: Run, cores: int | None) -> int:
        """Return how many cores the job of a run, or of a cohort with it, takes.

        Args:
            run: on a CPU it takes one core; on a GPU one for each worker.
            cores: of the machine, as Snakemake knows them; None: it runs elsewhere.
        """
        return (self.workers or cores or usable_cpus()) if self.gpus(run) else 1

    def command(self, runs: Sequence[Run]) -> str:
        """Return the shell command that trains and evaluates runs, with the settings they have now and no others."""
        arguments = run_arguments(runs, self.results)
        train = f"python -m replication train {arguments}"
        train += f" --expect {' '.join(run.record_digest[:12] for run in runs)}"
        if self.gpus(runs[0]):
            train += f" --device {shlex.quote(self.device)}"
            train += f" --workers {self.workers}" if self.workers else ""
        if self.max_seconds is not None:
            train += f" --max-seconds {self.max_seconds}"
        return train

    def views_command(self, run: Run) -> str:
        """Return the shell command that embeds the states of a finished run and films its best seconds."""
        folder = shlex.quote(str(finished_folder(run, self.results)))
        return f"python -m replication embed {folder} && python -m replication film {folder}"

    def render_command(self, kind: str, name: str | None = None) -> str:
        """Return the shell command that makes a table, a figure, the page or the inventory."""
        words = [kind, self.experiment.experiment, *([name] if name else []), "--results", str(self.results)]
        return f"python -m replication render {shlex.join(words)}"

    @property
    def index_command(self) -> str:
        """The shell command that makes the page of all experiments."""
        return f"python -m replication render index --results {shlex.quote(str(self.results))}"

    def caption(self, kind: str, name: str) -> str:
        """Read the caption of a table or figure for Snakemake's report; empty as long as it is not made."""
        ending = {"tables": "md", "figures": "txt"}[kind]
        return read_caption(self.results / self.experiment.experiment / kind / f"{name}.{ending}")

    @property
    def partial_command(self) -> str:
        """The shell command that makes all from the finished runs and no inventory, so that all is made anew later."""
        tables = [self.render_command("table", name) for name in self.experiment.tables]
        figures = [self.render_command("figure", name) for name in self.experiment.figures]
        forget = f"rm -rf {shlex.quote(str(Path(self.inventory).parent))}"
        return " && ".join([forget, *tables, *figures, self.render_command("page"), self.index_command])

    @property
    def inventory(self) -> str:
        """The file that lists what tables and figures are made from."""
        return str(Inventory(self.experiment, self.runs, self.results).path)

    @property
    def shared_sources(self) -> list[str]:
        """Files that any table or figure may be made from: experiment, settings, published numbers, statistics."""
        experiment = experiment_path(self.experiment.experiment)
        folders = [PACKAGE / "analysis", PACKAGE / "published"]
        found = [path for folder in folders for path in folder.rglob("*") if path.suffix in {".py", ".csv", ".gz"}]
        settings = [path for kind in _SETTINGS for path in listed(WORKFLOW / kind, "*.yaml")]
        specification = [PACKAGE / "specification" / f"{name}.py" for name in ("departures", "fidelity")]
        modules = [*specification, PACKAGE / "report" / "tables" / "latex.py"]
        sources = (experiment, *modules, *sorted(found), *sorted(settings))
        return [*map(workflow_path, sources), *map(str, other_files(self.experiment, self.results))]

    @staticmethod
    def source(kind: str, name: str) -> list[str]:
        """Return the module of a table or figure, and the one that all of its kind share."""
        return [workflow_path(PACKAGE / "report" / kind / f"{file}.py") for file in (name, kind.removesuffix("s"))]

    @property
    def page_sources(self) -> list[str]:
        """The module of the page and its templates."""
        pages = PACKAGE / "report" / "pages"
        return [
            workflow_path(path) for path in (*sorted(pages.glob("*.py")), *sorted((pages / "templates").glob("*.*")))
        ]

    @staticmethod
    def _wildcards(run: Run) -> dict[str, str]:
        return dict(zip(("variant", "task", "seeds", "digest"), run.place.parts, strict=True))


def build_jobs(config: WorkflowConfig) -> Jobs:
    """Read an experiment and find out which of its runs are finished.

    Raises:
        ReplicationError: a bad experiment; a run file that belongs to another run.
    """
    experiment = load_experiment(config.experiment)
    runs = tuple(one_a_record(experiment.runs()))
    results, state = Path(config.results), state_root()
    # In this order: a record is older than its marker. Where the marker is there and after that the record is not, it
    # was removed; a job that another Snakemake is just finishing is not mistaken for one.
    markers = markers_there(results)
    missing = tuple(unfinished(runs, results))
    cohorts = form_cohorts(runs, missing, lambda run: _most_lanes(run, config))
    wanted = {run.record_digest for run in missing}
    views = [run for run in runs if _is_embedded(run)]
    viewed = tuple(run for run in views if run.record_digest in wanted or lacks_views(run, results, state))
    limit = config.max_seconds
    jobs = Jobs(experiment, runs, cohorts, missing, viewed, results, config.device, config.workers, limit)
    remove_markers(markers & {*jobs.made_runs, *jobs.made_views})
    Inventory(experiment, runs, results).remove_stale()
    return jobs


def _is_embedded(run: Run) -> bool:
    """Return whether a network of the run is evaluated, so that its states can be shown."""
    return run.family.trains and run.task.kind == "atari" and run.protocol.evaluation_at_end is not None


def _most_lanes(run: Run, config: WorkflowConfig) -> int:
    if config.lanes != "auto":
        return config.lanes
    # Only here: what training takes is known beside its code, and that imports numpy.
    from replication.foundation.resources import total_memory_bytes
    from replication.training.machine.capacity import lanes_that_fit

    memory_bytes = total_memory_bytes() if config.memory_gb is None else int(config.memory_gb * 1e9)
    return lanes_that_fit(run, memory_bytes, config.workers or usable_cpus())
