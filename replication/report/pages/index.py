"""The front page, results/index.html: what is known, every verdict as a point, experiments, and what is not run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from replication.foundation.durations import days_text
from replication.foundation.errors import ReplicationError
from replication.foundation.files import write_atomically
from replication.report.figures.all_verdicts import CAPTION, NAME, draw
from replication.report.figures.figure import image
from replication.report.pages.figures import shown_drawing
from replication.report.pages.glossary import GLOSSARY
from replication.report.pages.known import what_is_known
from replication.report.pages.summary import MADE_BY_EVERY_CLONE, Left, left_to_run
from replication.report.pages.tables import counted_verdicts, judged_rows
from replication.report.pages.template import fill_page
from replication.specification.experiments import Experiment, load_experiment


@dataclass(frozen=True)
class ShownExperiment:
    """One experiment as the page shows it; `left` is at assumed speeds, so that every machine writes the same page."""

    name: str
    title: str
    paper: str
    verdicts: list[tuple[str, int]]
    has_page: bool
    left: Left

    @property
    def done(self) -> int:
        """Runs that are finished."""
        return self.left.total - self.left.runs

    @property
    def time_to_go(self) -> str:
        """The time of one core that the rest would take."""
        return days_text(self.left.core_seconds)


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
    """Return the text of the page.

    What a clone makes for itself (`MADE_BY_EVERY_CLONE`) is named and not counted, so that a quickstart leaves the
    committed page as it is.

    Raises:
        ReplicationError: a bad experiment; a run file that belongs to another run.
    """
    known = what_is_known(results)
    shown = [_shown(one, results, known.left[one.experiment]) for one in known.experiments]
    shown += [_shown(found, results, left_to_run(found, results)) for found in _changed_by_hand(results)]
    figure = draw(known.rows)
    with_page, without = ([one for one in shown if one.has_page is there] for there in (True, False))
    return fill_page(
        "index.html",
        sentences=known.sentences,
        figure=shown_drawing(image(figure, "svg"), CAPTION, NAME),
        experiments=with_page,
        to_run=sorted((one for one in shown if one.left.runs), key=lambda one: one.left.core_seconds),
        not_begun=len(without),
        glossary=GLOSSARY,
        made_by_every_clone=sorted(MADE_BY_EVERY_CLONE),
    )


def _changed_by_hand(results: Path) -> Iterator[Experiment]:
    """Yield the experiments with changed settings (`run NAME --set KEY=VALUE`) that have a page here.

    They have no YAML; the name of their folder says what they are. One that can no longer be, since a setting has gone
    since, is passed over.
    """
    for page in sorted(results.glob("*+*=*/index.html")):
        with suppress(ReplicationError):
            yield load_experiment(page.parent.name)


def _shown(experiment: Experiment, results: Path, left: Left) -> ShownExperiment:
    return ShownExperiment(
        name=experiment.experiment,
        title=experiment.title,
        paper=experiment.paper,
        verdicts=counted_verdicts(judged_rows(experiment, results)),
        has_page=(results / experiment.experiment / "index.html").exists(),
        left=left,
    )
