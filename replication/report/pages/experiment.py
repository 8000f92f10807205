"""The page of an experiment: one self-contained HTML file from its tables, its figures and the records of its runs.

It asks nothing of a network, and the same files give the same bytes. Everything reads without scripts; where they run,
tables can be sorted and filtered.
"""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from replication.analysis.finished import FinishedRuns, coverage, load_runs
from replication.analysis.other_scores import others_in_words
from replication.foundation.errors import ReplicationError
from replication.foundation.files import write_atomically
from replication.report.pages.embedding import embedding_views
from replication.report.pages.fidelity import shown_fidelity
from replication.report.pages.figures import ShownFigure, read_figure
from replication.report.pages.runs import (
    asked_for,
    beside_scores,
    commit_of_all,
    cost,
    groups,
    missing_runs,
    noted_runs,
    one_a_record,
    provenance,
    shown_clips,
    shown_deviations,
    versions,
)
from replication.report.pages.summary import findings_of
from replication.report.pages.tables import above_random, read_table, severity, verdicts
from replication.report.pages.template import fill_page
from replication.report.pages.updates import shown_updates
from replication.report.tables.recipe_texts import recipe_sentences
from replication.specification.experiments import Experiment
from replication.specification.families.facts import Evidence
from replication.specification.run_arguments import run_arguments

MOST_BYTES = 15_000_000
"""The largest page: a browser on a phone still opens it."""
_VERIFY: dict[Evidence, list[tuple[str, str]]] = {
    "inputs": [
        (
            "python -m replication verify results",
            "Play every stored episode again, without weights, and derive every score, table and verdict from them. "
            "The first difference is named.",
        )
    ],
    "policy": [
        (
            "python -m replication verify results",
            "Evaluate every stored policy again, and derive every score, table and verdict. The first difference is "
            "named.",
        ),
        ("python -m replication verify results --policy", "The same, and learn every policy again."),
    ],
    "learning": [
        (
            "python -m replication verify results",
            "Learn a sample of the seeds again, and derive every table and verdict. The first difference is named.",
        ),
        ("python -m replication verify results --policy", "The same of all seeds."),
    ],
}
"""How runs are checked, by what lies in their records."""
_VERIFY_STATE = (
    (
        "python -m replication verify results --state FOLDER",
        "The same, for whoever has the state of training: the traces of all training episodes must be those of the "
        "records, and every point of a training curve is derived from them.",
    ),
)


def write_page(experiment: Experiment, results: Path) -> Path:
    """Write results/EXPERIMENT/index.html.

    Returns: the file.
    Raises:
        ReplicationError: a table or figure of the experiment is not there yet; a damaged run file; the page would be
            too large.
    """
    path = results / experiment.experiment / "index.html"
    content = page_html(experiment, load_runs(experiment, results)).encode()
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


def page_html(experiment: Experiment, finished: FinishedRuns) -> str:
    """Return the text of the page.

    Raises:
        ReplicationError: a table or figure of the experiment is not there yet; a damaged run file.
    """
    results = finished.results
    folder = results / experiment.experiment / "tables"
    tables = [read_table(folder, name, _command(experiment, "table", name)) for name in experiment.tables]
    clips, clips_left_out = shown_clips(experiment, finished)
    deviations = shown_deviations(finished)
    views = embedding_views(finished) if "embedding" in experiment.figures else ""
    return fill_page(
        "page.html",
        views,
        experiment=experiment,
        coverage=str(coverage(experiment, finished)),
        complete=len(finished) == len(experiment.runs()),
        cost=cost(finished),
        verdicts={table.name: found for table in tables if (found := verdicts(table))},
        severity=[sentence for table in tables for sentence in severity(table)],
        findings=findings_of(experiment),
        above_random=next(filter(None, map(above_random, tables)), ""),
        updates=shown_updates(experiment),
        tables=tables,
        figures=[_figure(experiment, results, name) for name in experiment.figures],
        embedding_views=Markup(views),
        clips=clips,
        clips_left_out=clips_left_out,
        settings=asked_for(experiment, finished),
        beside=beside_scores(finished),
        recipes=recipe_sentences(experiment),
        noted=noted_runs(experiment, finished),
        deviations=deviations,
        deviation_ids={deviation.id for deviation, _ in deviations},
        fidelity=shown_fidelity(groups(experiment)),
        provenance=[provenance(found, results) for found in one_a_record(finished)],
        of_games=all(run.task.kind == "atari" for run in experiment.runs()),
        evidence={run.family.evidence for run in experiment.runs()},
        versions=versions(finished),
        others=others_in_words(experiment, results),
        missing=missing_runs(experiment, finished),
        commit=commit_of_all(finished),
        commands=_commands(experiment),
    )


def _figure(experiment: Experiment, results: Path, name: str) -> ShownFigure:
    return read_figure(results / experiment.experiment / "figures", name, _command(experiment, "figure", name))


def _command(experiment: Experiment, kind: str, name: str) -> str:
    return f"python -m replication render {kind} {experiment.experiment} {name}"


def _commands(experiment: Experiment) -> list[tuple[str, str]]:
    """Return the commands to type, each with what it does."""
    name = experiment.experiment
    runs = experiment.runs()
    given = [run_arguments(group, Path("results")) for group in groups(experiment)]
    if runs[0].family.bundles:  # a line a record would be a page of them
        given = given[:1]
    return [
        ("make venv && . .venv/bin/activate", "Build the environment from the lock."),
        *_VERIFY[runs[0].family.evidence],
        *(_VERIFY_STATE if any(run.protocol.training_score for run in runs) else ()),
        (f"python -m replication run {name} -n", "Print what is missing and what it costs."),
        (
            f"python -m replication run {name}",
            "Train and evaluate what is missing, then make tables, figures and page.",
        ),
        *((f"python -m replication train {arguments}", "Only these runs.") for arguments in given),
        (f"python -m replication render page {name}", "Only this page, from the files that are there."),
    ]
