"""The READMEs: results/README.md, and what README.md shows of the results."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from replication.analysis.finished import coverage, load_runs
from replication.analysis.other_scores import MARKS
from replication.foundation.durations import days_text
from replication.foundation.errors import ReplicationError
from replication.foundation.files import write_atomically
from replication.report.figures import all_verdicts, reading_verdicts
from replication.report.figures.figure import image, settle
from replication.report.pages.documents import README, between_marks, rendered_documents
from replication.report.pages.glossary import GLOSSARY
from replication.report.pages.known import Known, what_is_known
from replication.report.pages.summary import MADE_BY_EVERY_CLONE, Left, findings_of, verdicts_of
from replication.report.pages.tables import judged_rows
from replication.report.pages.template import fill_markdown
from replication.specification.experiments import Experiment, known_experiments, load_experiment


def results_readme(results: Path) -> str:
    """Return the text of results/README.md, which says what lies there, how it was made and how to check it.

    Raises:
        ReplicationError: a damaged run file.
    """
    known = what_is_known(results)
    return fill_markdown(
        "results.md",
        sentences=known.sentences,
        figure=f"{all_verdicts.NAME}.png",
        figure_caption=all_verdicts.CAPTION,
        experiments=_experiments(results),
        to_run=_to_run(known),
        glossary=GLOSSARY,
    )


def readme_with_results(text: str, results: Path) -> str:
    """Return the project's README with the experiments that have results now between its two marks.

    Raises:
        ReplicationError: the marks are not there; a damaged run file.
    """
    lines = ["| experiment | finished | verdicts |", "| --- | --- | --- |"]
    lines += [
        f"| [{shown['title']}](results/{shown['name']}/index.html) | {shown['coverage']} | {shown['verdicts']} |"
        for shown in _experiments(results)
    ]
    return between_marks(text, "results", lines, README)


def write_readmes(results: Path) -> list[Path]:
    """Write README.md, docs/ and results/README.md with what is rendered in them brought up to date, and figures.

    Returns: the files.
    Raises:
        ReplicationError: there is no README, as where the program is installed.
    """
    if not README.exists():
        raise ReplicationError(f"{README}: not there; the README is that of a checkout: call the program from one")
    text = readme_with_results(README.read_text(encoding="utf-8"), results)
    path = results / "README.md"
    documents = rendered_documents()
    for document, content in documents.items():
        write_atomically(document, content.encode())
    write_atomically(README, text.encode())
    write_atomically(path, results_readme(results).encode())
    drawings = {reading_verdicts.NAME: reading_verdicts.draw()}
    drawings[all_verdicts.NAME] = all_verdicts.draw(what_is_known(results).rows)
    paths = [README, path, *documents]
    for name, figure in drawings.items():
        settle(figure)
        paths.append(results / f"{name}.png")
        write_atomically(paths[-1], image(figure, "png"))
    return paths


def _experiments(results: Path) -> list[dict[str, object]]:
    shown: list[dict[str, object]] = []
    for name in known_experiments():
        if name in MADE_BY_EVERY_CLONE or not (results / name / "index.html").exists():
            continue
        experiment = load_experiment(name)
        covered = str(coverage(experiment, load_runs(experiment, results)))
        verdicts = _verdicts(experiment, results)
        shown.append({"name": name, "title": experiment.title, "coverage": covered, "verdicts": verdicts})
        shown[-1] |= {"judged": verdicts_of(experiment, results), "findings": findings_of(experiment)}
    return shown


def _to_run(known: Known) -> list[tuple[str, Left, str]]:
    """Return the experiments with runs left, the least costly first."""
    found = sorted(known.left.items(), key=lambda item: item[1].core_seconds)
    return [(name, left, days_text(left.core_seconds)) for name, left in found if left.runs]


def _verdicts(experiment: Experiment, results: Path) -> str:
    rows = judged_rows(experiment, results)
    counted = Counter(row["verdict"] for row in rows if not row.get("agent", "").endswith(MARKS))
    return ", ".join(f"{number} {word}" for word, number in sorted(counted.items()))
