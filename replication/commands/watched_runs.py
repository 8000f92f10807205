"""The runs that `watch` shows: found in the states of this machine, each with its published curve."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from replication.analysis.published_bands import PublishedBand, published_band
from replication.commands.queue.folder import queue_folder
from replication.evidence.live_files import LiveRun, live_folders, read_live
from replication.evidence.state_files import failure_in
from replication.evidence.stored_state import LOCK
from replication.foundation.locks import is_held
from replication.foundation.paths import state_root
from replication.foundation.validation import read_yaml, validated
from replication.report.pages.live import ShownRun
from replication.specification.changed_settings import changes_of
from replication.specification.experiments import (
    PublishedSource,
    experiment_path,
    known_experiments,
    load_experiment,
)
from replication.specification.run import one_a_record
from replication.specification.tasks.registry import find_task

_AT_WORK = ("training", "evaluating")
_SHOWN_DAYS = 1.0
"""Where no name is given, runs that ended or were stopped so long ago are shown no more."""


class WatchedRuns:
    """A look at what is watched.

    Args:
        name: an experiment or the place of runs; None: all.
        states: roots of the state that are looked at.

    Raises:
        ReplicationError: the experiment is a bad one.
    """

    def __init__(self, name: str | None, states: Sequence[Path]) -> None:
        self._states = states
        self._recent_only = name is None
        self._place = name or ""
        self._of_experiment: list[Path] | None = None
        self._sources: list[PublishedSource] = []
        if name is not None and changes_of(name)[0] in known_experiments():
            experiment = load_experiment(name)
            places = [run.state_folder(Path()) for run in one_a_record(experiment.runs())]
            self._of_experiment = places
            self._sources = [experiment.published] if experiment.published else []
        else:
            self._sources = list(_published_sources())

    def shown(self) -> list[ShownRun]:
        """Return the runs as they are now: those in training first, then by name."""
        found = [one for folder in self._folders() if (one := self._run(folder)) is not None]
        oldest = time.time() - 86_400 * _SHOWN_DAYS
        if self._recent_only:
            found = [one for one in found if one.status in _AT_WORK or one.live.progress.written > oldest]
        return sorted(found, key=lambda one: (one.status not in _AT_WORK, one.live.progress.name))

    def note(self, shown: Sequence[ShownRun]) -> str:
        """Return a sentence about the runs that show nothing."""
        if self._of_experiment is None:
            return "" if shown else "Nothing is in training here."
        return f"{len(shown)} of {len(self._of_experiment)} runs of the experiment have something to show."

    def _folders(self) -> Iterator[Path]:
        for state in self._states:
            if self._of_experiment is not None:
                yield from (state / place for place in self._of_experiment)
            else:
                for folder in live_folders(state):
                    parts, wanted = folder.relative_to(state).parts, Path(self._place).parts
                    if parts[: len(wanted)] == wanted:
                        yield folder

    def _run(self, folder: Path) -> ShownRun | None:
        live = read_live(folder)
        return None if live is None else ShownRun(live, _status(live), self._band(live))

    def _band(self, live: LiveRun) -> PublishedBand | None:
        progress = live.progress
        if progress.preset is not None:
            return None
        task = find_task(progress.task)
        found = (published_band(source, progress.variant, task, progress.protocol) for source in self._sources)
        return next((band for band in found if band is not None), None)


def states_to_watch(given: Path | None) -> list[Path]:
    """Return the states to look at: the one given, else that of this folder and that of the queue, if there is one."""
    if given is not None:
        return [given]
    queue = queue_folder(None).state
    return [state_root(), *([queue] if queue.is_dir() else [])]


def _status(live: LiveRun) -> str:
    """Tell in a word how a run stands: by its lock, its record, its note of a failure."""
    progress = live.progress
    if is_held(live.folder / LOCK):
        return "training" if progress.progress < progress.progress_end else "evaluating"
    if (Path(progress.record) / "run.json").exists():
        return "finished"
    return "stopped" if failure_in(live.folder) is None else "failed"


@cache
def _published_sources() -> tuple[PublishedSource, ...]:
    """Return the published sources that experiments name, without their runs, which would take long to name."""
    found = {experiment_path(name): read_yaml(experiment_path(name)).get("published") for name in known_experiments()}
    return tuple(validated(PublishedSource, one, path) for path, one in found.items() if one is not None)
