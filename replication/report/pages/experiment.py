"""The page of an experiment: one self-contained HTML file from its tables, its figures and the records of its runs.

It asks nothing of a network, and the same files give the same bytes. Everything reads without scripts; where they run,
tables can be sorted and filtered.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from replication.analysis.finished import coverage, load_runs
from replication.analysis.other_scores import others_in_words
from replication.foundation.errors import ReplicationError
from replication.foundation.files import write_atomically
from replication.report.pages.embedding import embedding_views
from replication.report.pages.fidelity import shown_fidelity
from replication.report.pages.runs import (
    asked_for,
    cost,
    groups,
    missing_runs,
    provenance,
    recorded_deviations,
    shown_clips,
    versions,
)
from replication.report.pages.summary import findings_of
from replication.report.pages.tables import above_random, read_made, read_table, verdicts
from replication.report.pages.template import page_environment
from replication.specification.experiments import Experiment
from replication.specification.run_arguments import run_arguments

MOST_BYTES = 15_000_000
"""Of a page: what a browser on a phone still opens."""
_SCRIPTS = re.compile(r"<script>(.*?)</script>", re.DOTALL)
"""What runs; data for it stand under a type of their own."""
_LARGEST_SVG_BYTES = 2_000_000
"""A larger drawing goes into the page as its PNG."""


@dataclass(frozen=True)
class ShownFigure:
    """A figure as its files hold it; `source` is the drawing itself, as a data address."""

    name: str
    source: str
    alternative: str
    caption: str
    width: int
    """In CSS pixels, 96 an inch."""
    height: int


def write_page(experiment: Experiment, results: Path) -> Path:
    """Write results/EXPERIMENT/index.html.

    Returns: the file.
    Raises:
        ReplicationError: a table or figure of the experiment is not there yet; a damaged run file; the page would be
            too large.
    """
    path = results / experiment.experiment / "index.html"
    content = page_html(experiment, results).encode()
    if len(content) > MOST_BYTES:
        sizes = {name: len(_figure(experiment, results, name).source) for name in experiment.figures}
        largest = max(sizes, key=lambda name: sizes[name], default=None)
        figure = f"its largest figure is {largest} ({sizes[largest] / 1e6:.1f} MB): " if largest else ""
        raise ReplicationError(
            f"{path}: the page would have {len(content) / 1e6:.1f} MB, expected at most {MOST_BYTES / 1e6:.0f}; "
            f"{figure}draw less in it, or take tables or figures out of the experiment"
        )
    write_atomically(path, content)
    return path


def page_html(experiment: Experiment, results: Path) -> str:
    """The page's text.

    Raises:
        ReplicationError: a table or figure of the experiment is not there yet; a damaged run file.
    """
    finished = load_runs(experiment, results)
    folder = results / experiment.experiment / "tables"
    tables = [read_table(folder, name, _command(experiment, "table", name)) for name in experiment.tables]
    clips, clips_left_out = shown_clips(finished)
    deviations = recorded_deviations(finished)
    views = embedding_views(finished) if "embedding" in experiment.figures else ""
    return page_environment(*_SCRIPTS.findall(views)).get_template("page.html").render(
        experiment=experiment,
        coverage=str(coverage(experiment, finished)),
        complete=len(finished) == len(experiment.runs()),
        cost=cost(finished),
        verdicts={table.name: found for table in tables if (found := verdicts(table))},
        findings=findings_of(experiment),
        above_random=next(filter(None, map(above_random, tables)), ""),
        tables=tables,
        figures=[_figure(experiment, results, name) for name in experiment.figures],
        embedding_views=Markup(views),
        clips=clips,
        clips_left_out=clips_left_out,
        settings=asked_for(experiment, finished),
        deviations=deviations,
        deviation_ids={deviation.id for deviation, _ in deviations},
        fidelity=shown_fidelity(groups(experiment)),
        provenance=[provenance(found) for found in finished],
        versions=versions(finished),
        others=others_in_words(experiment, results),
        missing=missing_runs(experiment, finished),
        commits=sorted({str(found.record["provenance"]["commit"] or "unknown") for found in finished}),
        commands=_commands(experiment),
    )  # fmt: skip


def _figure(experiment: Experiment, results: Path, name: str) -> ShownFigure:
    return read_figure(results / experiment.experiment / "figures", name, _command(experiment, "figure", name))


def read_figure(folder: Path, name: str, command: str) -> ShownFigure:
    """A figure from its drawing and its caption.

    Raises:
        ReplicationError: one of them is not there; `command` makes it.
    """
    path = folder / name
    caption = read_made(path.with_name(f"{name}.txt"), command).decode().strip()
    drawing, kind = read_made(path.with_name(f"{name}.svg"), command), "svg+xml"
    size = re.search(rb'width="([\d.]+)pt" height="([\d.]+)pt"', drawing)
    if size is None:
        raise ReplicationError(f"{path}.svg: found no size in points; render the figure again")
    width, height = (round(float(points) * 96 / 72) for points in size.groups())
    if len(drawing) > _LARGEST_SVG_BYTES:
        drawing, kind = read_made(path.with_name(f"{name}.png"), command), "png"
    first_sentence = re.split(r"(?<=\.) ", caption, maxsplit=1)[0]
    alternative = f"{first_sentence} Every number drawn is in figures/{name}.csv."
    # As an image of its own, so that names inside one drawing never meet those of another.
    source = f"data:image/{kind};base64,{base64.b64encode(drawing).decode()}"
    return ShownFigure(name, source, alternative, caption, width, height)


def _command(experiment: Experiment, kind: str, name: str) -> str:
    return f"python -m replication render {kind} {experiment.experiment} {name}"


def _commands(experiment: Experiment) -> list[tuple[str, str]]:
    """What to type, and what it does."""
    name = experiment.experiment
    given = [run_arguments(group, Path("results")) for group in groups(experiment)]
    return [
        ("make venv && . .venv/bin/activate", "Build the environment from the lock."),
        (
            "python -m replication verify results",
            "Play every stored episode again, without weights, and derive every score, table and verdict from them. "
            "The first difference is named.",
        ),
        (f"python -m replication run {name} -n", "Print what is missing and what it costs."),
        (
            f"python -m replication run {name}",
            "Train and evaluate what is missing, then make tables, figures and page.",
        ),
        *((f"python -m replication train {arguments}", "Only these runs.") for arguments in given),
        (f"python -m replication render page {name}", "Only this page, from the files that are there."),
    ]
