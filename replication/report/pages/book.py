"""The page of a book, results/sutton.html: its figures in order, what each asks, how it was judged, what all took."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from replication.analysis.finished import coverage, load_runs
from replication.foundation.files import write_atomically
from replication.report.pages.runs import seconds_by_record, time_text
from replication.report.pages.tables import counted_verdicts, judged_rows
from replication.report.pages.template import fill_page
from replication.report.pages.updates import ShownUpdate, shown_updates
from replication.specification.experiments import Experiment, known_experiments, load_experiment

BOOK = "sutton"
"""Experiments of the book begin with it, and so does the name of the page."""


@dataclass(frozen=True)
class ShownChapter:
    """One experiment of the book."""

    name: str
    title: str
    question: str
    coverage: str
    verdicts: list[tuple[str, int]]
    updates: list[ShownUpdate]
    time: str


def write_book(results: Path) -> Path:
    """Write results/sutton.html.

    Returns: the file.
    Raises:
        ReplicationError: a damaged run file.
    """
    path = results / f"{BOOK}.html"
    write_atomically(path, book_html(results).encode())
    return path


def book_html(results: Path) -> str:
    """Return the text of the page: the book's experiments that have a page of their own, in the book's order.

    Raises:
        ReplicationError: a damaged run file.
    """
    seconds: dict[Path, float] = {}
    shown = []
    for name in sorted((name for name in known_experiments() if name.startswith(f"{BOOK}_")), key=_place):
        if (results / name / "index.html").exists():
            experiment = load_experiment(name)
            finished = load_runs(experiment, results)
            own = seconds_by_record(finished)
            seconds |= own
            shown.append(_shown(experiment, str(coverage(experiment, finished)), sum(own.values()), results))
    return fill_page("book.html", chapters=shown, time=time_text(sum(seconds.values())), records=len(seconds))


def _place(name: str) -> tuple[int, ...]:
    """Return chapter and number of an example or a figure."""
    return tuple(map(int, re.findall(r"\d+", name)))


def _shown(experiment: Experiment, covered: str, seconds: float, results: Path) -> ShownChapter:
    return ShownChapter(
        name=experiment.experiment,
        title=experiment.title,
        question=experiment.question,
        coverage=covered,
        verdicts=counted_verdicts(judged_rows(experiment, results)),
        updates=shown_updates(experiment),
        time=time_text(seconds),
    )
