"""The page of all experiments, results/index.html: finished runs, verdicts, and what the rest would cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from replication.evidence.records import unfinished
from replication.foundation.durations import days_text
from replication.foundation.errors import ReplicationError
from replication.foundation.files import write_atomically
from replication.report.pages.summary import left_to_run
from replication.report.pages.tables import counted_verdicts, judged_rows
from replication.report.pages.template import fill_page
from replication.specification.experiments import Experiment, known_experiments, load_experiment


@dataclass(frozen=True)
class ShownExperiment:
    """One experiment as the page shows it."""

    name: str
    title: str
    paper: str
    done: int
    total: int
    verdicts: list[tuple[str, int]]
    has_page: bool
    frames_to_go: int
    time_to_go: str
    """Of one core, at assumed speeds, so that every machine writes the same page; empty where every run is finished."""


def write_index(results: Path) -> Path:
    """Write results/index.html.

    Returns: the file.
    Raises:
        ReplicationError: a bad experiment; a run file that belongs to another run.
    """
    path = results / "index.html"
    write_atomically(path, index_html(results).encode())
    return path


def index_html(results: Path) -> str:
    """Return the text of the page: experiments with a page of their own first, then those that are not begun.

    Raises:
        ReplicationError: a bad experiment; a run file that belongs to another run.
    """
    named = [*map(load_experiment, known_experiments()), *_changed_by_hand(results)]
    shown = [_shown(experiment, results) for experiment in named]
    shown.sort(key=lambda experiment: not experiment.has_page)
    return fill_page("index.html", experiments=shown)


def _changed_by_hand(results: Path) -> Iterator[Experiment]:
    """Yield the experiments with changed settings (`run NAME --set KEY=VALUE`) that have a page here.

    They have no YAML; the name of their folder says what they are. One that can no longer be, since a setting has gone
    since, is passed over.
    """
    for page in sorted(results.glob("*+*=*/index.html")):
        with suppress(ReplicationError):
            yield load_experiment(page.parent.name)


def _shown(experiment: Experiment, results: Path) -> ShownExperiment:
    runs = experiment.runs()
    left = unfinished(runs, results)
    folder = results / experiment.experiment
    return ShownExperiment(
        name=experiment.experiment,
        title=experiment.title,
        paper=experiment.paper,
        done=sum(run.stands_for for run in runs) - sum(run.stands_for for run in left),
        total=sum(run.stands_for for run in runs),
        verdicts=counted_verdicts(judged_rows(experiment, results)),
        has_page=(folder / "index.html").exists(),
        frames_to_go=sum(run.training_frames for run in left),
        time_to_go=days_text(left_to_run(experiment, results).core_seconds) if left else "",
    )
