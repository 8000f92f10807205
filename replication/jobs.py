"""What the Snakefile asks: which experiment, which files, which command makes them, which runs train together.

Evaluated at every start of Snakemake, so nothing here imports torch, numpy or pandas.
"""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field

from replication.config import WORKFLOW
from replication.errors import ReplicationError
from replication.experiments import Experiment, known_experiments, load_experiment
from replication.files import canonical_json, sha256
from replication.report_captions import read_caption
from replication.run_records import finished_as, record_path, unfinished
from replication.runs import Run
from replication.settings import Count
from replication.validation import Settings, shown, validated

PACKAGE = Path(__file__).resolve().parent

_SETTINGS = ("algorithms", "protocols", "presets", "originals")
"""Folders of workflow/ whose titles and deviations are printed."""

_T = TypeVar("_T")


def _lanes(given: object) -> object:
    if given != "auto" and (type(given) is not int or given < 1):
        raise ValueError(f"expected auto or a whole number greater than or equal to 1, found {shown(given)}")
    return given


class WorkflowConfig(Settings):
    """What `snakemake --config` accepts."""

    experiment: str
    """Name of a file of workflow/experiments."""
    results: str
    """Root of the results."""
    lanes: Annotated[int | Literal["auto"], BeforeValidator(_lanes)]
    """Runs that may train in one process; 1: each run is a job of its own; auto: as many as its memory holds."""
    memory_gb: Annotated[float, Field(gt=0)] | None
    """Of one process, for `lanes: auto`; None: what this machine has. A cluster must be told: each of its machines
    reads the workflow again and has to find the same cohorts."""
    device: str
    """Where training happens: cpu or cuda. Where lanes > 1 it is usually cuda."""
    workers: Count | None
    """Beside a GPU: processes that emulate for one that learns, and the threads of its job; None: one a core."""
    max_seconds: Count | None
    """Of training in one job; with `--retries N` a job that is out of time is started again and continues."""


def workflow_config(given: Mapping[str, Any]) -> WorkflowConfig:
    """Snakemake's `config`, checked, with what was left out filled in.

    Raises:
        ReplicationError: no experiment; an unknown or mistyped key.
    """
    if not given.get("experiment"):
        known = ", ".join(known_experiments())
        raise ReplicationError(f"which experiment? give --config experiment=NAME; known: {known}")
    left_out = dict.fromkeys(("memory_gb", "workers", "max_seconds"))
    defaults = {"results": "results", "lanes": 1, "device": "cpu", **left_out}
    return validated(WorkflowConfig, defaults | dict(given), Path("--config"))


@dataclass(frozen=True)
class Jobs:
    """The jobs of an experiment: its runs, each alone or in a cohort, and what its page is made from."""

    experiment: Experiment
    runs: tuple[Run, ...]
    cohorts: tuple[tuple[Run, ...], ...]
    """Runs that train in one process: all of one variant, budget, preset and protocol, a full grid of games x seeds."""
    missing: tuple[Run, ...]
    results: Path
    device: str
    workers: int | None
    max_seconds: int | None

    @property
    def missing_files(self) -> set[str]:
        """The records that are still to be made."""
        return {self.file(run) for run in self.missing}

    @property
    def run_files(self) -> list[str]:
        """The record of every run, made or not."""
        return [self.file(run) for run in self.runs]

    def file(self, run: Run) -> str:
        """The record of one run, as Snakemake names it."""
        return str(record_path(run, self.results))

    @property
    def alone(self) -> list[Run]:
        """Runs that are in no cohort."""
        together = {run.result_digest for cohort in self.cohorts for run in cohort}
        return [run for run in self.runs if run.result_digest not in together]

    def pattern(self, key: str) -> str:
        """The values a wildcard (variant, game, seed, digest) of a run trained alone may take, as a closed regex."""
        return "|".join(sorted({self._wildcards(run)[key] for run in self.alone})) or "none"

    def run_of(self, wildcards: Mapping[str, str]) -> Run:
        """The run of these wildcards.

        Raises:
            ReplicationError: each value belongs to some run of the experiment, but not together to one.
        """
        for run in self.alone:
            if all(wildcards[key] == value for key, value in self._wildcards(run).items()):
                return run
        raise ReplicationError(f"experiment {self.experiment.experiment} has no run {dict(wildcards)}")

    def gpus(self, run: Run) -> int:
        """GPUs that the job of a run, or of a cohort with it, takes."""
        return int(self.device != "cpu" and run.variant.family != "untrained")

    def threads(self, run: Run, cores: int | None) -> int:
        """Cores that the job of a run, or of a cohort with it, takes.

        Args:
            run: one on a CPU is one thread; beside a GPU each worker is.
            cores: of the machine, as Snakemake knows them; None: it runs elsewhere.
        """
        return (self.workers or cores or os.cpu_count() or 1) if self.gpus(run) else 1

    def command(self, runs: Sequence[Run]) -> str:
        """The shell command that trains and evaluates runs, embeds what their networks saw, and films their best."""
        arguments = run_arguments(runs, self.results)
        train = f"python -m replication train {arguments}"
        if self.gpus(runs[0]):
            train += f" --device {shlex.quote(self.device)}"
            train += f" --workers {self.workers}" if self.workers else ""
        if self.max_seconds is not None:
            train += f" --max-seconds {self.max_seconds}"
        if runs[0].variant.family == "untrained" or runs[0].protocol.final_evaluation is None:
            return train
        folders = shlex.join(str(run.results_folder(self.results)) for run in runs)
        return f"{train} && python -m replication embed {folders} && python -m replication film {folders}"

    def render_command(self, kind: str, name: str | None = None) -> str:
        """The shell command that makes a table, a figure or the page."""
        words = [kind, self.experiment.experiment, *([name] if name else []), "--results", str(self.results)]
        return f"python -m replication render {shlex.join(words)}"

    @property
    def index_command(self) -> str:
        """The shell command that makes the page of all experiments."""
        return f"python -m replication render index --results {shlex.quote(str(self.results))}"

    def caption(self, kind: str, name: str) -> str:
        """What Snakemake's report says of a table or figure; empty as long as it is not made."""
        ending = {"tables": "md", "figures": "txt"}[kind]
        return read_caption(self.results / self.experiment.experiment / kind / f"{name}.{ending}")

    @property
    def partial_command(self) -> str:
        """Tables, figures and page from the runs there are; without the inventory the full ones are made anew later."""
        tables = [self.render_command("table", name) for name in self.experiment.tables]
        figures = [self.render_command("figure", name) for name in self.experiment.figures]
        forget = f"rm -rf {shlex.quote(str(Path(self.inventory).parent))}"
        return " && ".join([forget, *tables, *figures, self.render_command("page"), self.index_command])

    @property
    def inventory(self) -> str:
        """A file named after the set of runs: another set of runs is another file, whatever the times of files say."""
        made = [finished_as(run, self.results) or run for run in self.runs]
        digest = sha256(canonical_json(sorted(run.result_digest for run in made)))
        return str(self.results / self.experiment.experiment / "inventory" / f"{digest[:12]}.txt")

    @property
    def shared_sources(self) -> list[str]:
        """Files that any table or figure may be made from: experiment, settings, numbers of others, statistics."""
        experiment = WORKFLOW / "experiments" / f"{self.experiment.experiment}.yaml"
        folders = [PACKAGE / "analysis", PACKAGE / "published"]
        found = [path for folder in folders for path in folder.rglob("*") if path.suffix in {".py", ".csv", ".gz"}]
        settings = [path for kind in _SETTINGS for path in (WORKFLOW / kind).glob("*.yaml")]
        modules = [PACKAGE / "fidelity.py", PACKAGE / "latex.py"]
        sources = (experiment, *modules, *sorted(found), *sorted(settings))
        return [*map(_relative, sources), *self.other_files]

    @property
    def other_files(self) -> list[str]:
        """Scores of others that the experiment names, as far as they are there; what is missing, rendering says."""
        found = []
        for name in self.experiment.others:
            path = self.results / "imported" / f"{name}.csv"
            found += [path] if path.exists() else []
            found += sorted((self.results / "judged" / name).glob("*/seed*/*/run.json"))
        return [str(path) for path in found]

    @staticmethod
    def source(kind: str, name: str) -> list[str]:
        """The module of a table or figure, and its package's own."""
        return [_relative(PACKAGE / kind / file) for file in (f"{name}.py", "__init__.py")]

    @property
    def page_sources(self) -> list[str]:
        """The module of the page and its templates."""
        return [
            _relative(path)
            for path in (*sorted(PACKAGE.glob("page*.py")), *sorted((PACKAGE / "templates").glob("*.*")))
        ]

    @staticmethod
    def _wildcards(run: Run) -> dict[str, str]:
        names = {"variant": run.variant.variant, "game": run.game, "seed": str(run.seed)}
        return names | {"digest": run.result_digest[:12]}


def build_jobs(config: WorkflowConfig) -> Jobs:
    """Read an experiment and look which of its runs are made.

    Raises:
        ReplicationError: a bad experiment; a run file that belongs to another run.
    """
    experiment = load_experiment(config.experiment)
    runs = experiment.runs()
    results = Path(config.results)
    missing = tuple(unfinished(runs, results))
    cohorts = form_cohorts(runs, missing, lambda run: _most_lanes(run, config))
    return Jobs(experiment, runs, cohorts, missing, results, config.device, config.workers, config.max_seconds)


def _most_lanes(run: Run, config: WorkflowConfig) -> int:
    if config.lanes != "auto":
        return config.lanes
    # Only here: what a replay memory takes is known beside its code, and that imports numpy.
    from replication.plan import lanes_that_fit
    from replication.resources import total_memory_bytes

    memory_bytes = total_memory_bytes() if config.memory_gb is None else int(config.memory_gb * 1e9)
    return lanes_that_fit(run, memory_bytes, config.workers or os.cpu_count() or 1)


def form_cohorts(
    runs: Sequence[Run], missing: Sequence[Run], most_lanes: Callable[[Run], int]
) -> tuple[tuple[Run, ...], ...]:
    """Split the runs of each variant into cohorts, and keep those with at least two runs missing.

    The split does not depend on what is finished: a cohort that is started again has the lanes it had before, and the
    workers of a cluster, which read the workflow again later, find the same cohorts.

    Args:
        runs: of the experiment, in order.
        missing: those that are not finished; a cohort holds no others.
        most_lanes: the most runs like this one that a process may train.

    Returns: runs of one variant, protocol, preset and budget, whose games x seeds are a full grid. Everything else is
        left to be trained alone: agents that do not train, and games that lack a seed others have.
    """
    groups: dict[bytes, list[Run]] = {}
    for run in runs:
        if run.variant.family != "untrained":
            groups.setdefault(canonical_json(_shared_arguments(run)), []).append(run)
    wanted = {run.result_digest for run in missing}
    cohorts: list[tuple[Run, ...]] = []
    for group in groups.values():
        games, seeds = _unique(run.game for run in group), _unique(run.seed for run in group)
        if len(group) != len(games) * len(seeds):
            continue
        lanes = most_lanes(group[0])
        many_seeds = min(lanes, len(seeds))
        many_games = max(1, lanes // len(seeds))
        for some_games in _chunks(games, many_games):
            for some_seeds in _chunks(seeds, many_seeds):
                cohort = [run for run in group if run.game in some_games and run.seed in some_seeds]
                left = tuple(run for run in cohort if run.result_digest in wanted)
                if len(left) > 1:
                    cohorts.append(left)
    return tuple(cohorts)


def cohort_name(cohort: Sequence[Run]) -> str:
    """A rule's name for a cohort."""
    return f"cohort_{sha256(canonical_json([run.result_digest for run in cohort]))[:12]}"


def run_arguments(runs: Sequence[Run], results: Path) -> str:
    """Arguments of `train` that name these runs, quoted for a shell.

    Args:
        runs: of one variant, protocol, preset and budget. Where they are not a full grid of games x seeds, the runs
            between are named too.
        results: root of the results.
    """
    games, seeds = _unique(run.game for run in runs), _unique(str(run.seed) for run in runs)
    words = ["--variant", runs[0].variant.variant, "--game", *games, "--seed", *seeds]
    for option, value in _shared_arguments(runs[0]).items():
        words += [f"--{option}", str(value)] if value is not None and option != "variant" else []
    words += ["--results", str(results)]
    return shlex.join(words)


def _shared_arguments(run: Run) -> dict[str, str | int | None]:
    """What the runs of one command have in common; None: not given."""
    own = run.protocol.protocol == run.variant.protocol
    return {
        "variant": run.variant.variant,
        "budget-frames": run.budget.steps * run.protocol.training.frame_skip or None,
        "budget-iterations": run.budget.iterations or None,
        "protocol": None if own else run.protocol.protocol,
        "preset": run.preset.preset if run.preset else None,
    }


def _unique(values: Iterable[_T]) -> list[_T]:
    return list(dict.fromkeys(values))


def _chunks(values: Sequence[_T], most: int) -> list[Sequence[_T]]:
    """As few parts as hold `most` each, about as long as one another."""
    size = math.ceil(len(values) / math.ceil(len(values) / most))
    return [values[start : start + size] for start in range(0, len(values), size)]


def _relative(path: Path) -> str:
    """As seen from the root of the repository, where Snakemake works."""
    return str(path.relative_to(PACKAGE.parent))
