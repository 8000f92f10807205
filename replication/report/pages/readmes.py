"""The READMEs: results/README.md, and what README.md shows of the results."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from replication.analysis.finished import coverage, load_runs
from replication.analysis.other_scores import MARKS
from replication.foundation.durations import days_text
from replication.foundation.files import write_atomically
from replication.report.fidelity_text import README, between_marks, readme_with_counts
from replication.report.figures.figure import image, settle
from replication.report.figures.reading_verdicts import NAME, draw
from replication.report.pages.summary import Left, findings_of, left_to_run, verdicts_of
from replication.report.pages.tables import judged_rows
from replication.report.pages.template import fill_markdown
from replication.specification.experiments import Experiment, known_experiments, load_experiment

_BEGIN, _END = "<!-- results: python -m replication render readme -->", "<!-- end of results -->"
_MADE_BY_EVERY_CLONE = {"quickstart"}
"""Experiments whose results git ignores."""


def results_readme(results: Path) -> str:
    """Return the text of results/README.md, which says what lies there, how it was made and how to check it.

    Raises:
        ReplicationError: a damaged run file.
    """
    return fill_markdown("results.md", experiments=_experiments(results), to_run=_to_run(results))


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
    return between_marks(text, _BEGIN, _END, lines)


def write_readmes(results: Path) -> list[Path]:
    """Write README.md and results/README.md with what is rendered in them brought up to date, and README's figure.

    Returns: the files.
    """
    text = readme_with_results(readme_with_counts(README.read_text(encoding="utf-8")), results)
    path = results / "README.md"
    write_atomically(README, text.encode())
    write_atomically(path, results_readme(results).encode())
    drawing = results / f"{NAME}.png"
    figure = draw()
    settle(figure)
    write_atomically(drawing, image(figure, "png"))
    return [README, path, drawing]


def _experiments(results: Path) -> list[dict[str, object]]:
    shown: list[dict[str, object]] = []
    for name in known_experiments():
        if name in _MADE_BY_EVERY_CLONE or not (results / name / "index.html").exists():
            continue
        experiment = load_experiment(name)
        covered = str(coverage(experiment, load_runs(experiment, results)))
        verdicts = _verdicts(experiment, results)
        shown.append({"name": name, "title": experiment.title, "coverage": covered, "verdicts": verdicts})
        shown[-1] |= {"judged": verdicts_of(experiment, results), "findings": findings_of(experiment)}
    return shown


def _to_run(results: Path) -> list[tuple[str, Left, str]]:
    """Return the experiments with runs left, the least costly first."""
    found = [
        (name, left_to_run(load_experiment(name), results))
        for name in known_experiments()
        if name not in _MADE_BY_EVERY_CLONE
    ]
    found.sort(key=lambda item: item[1].core_seconds)
    return [(name, left, days_text(left.core_seconds)) for name, left in found if left.runs]


def _verdicts(experiment: Experiment, results: Path) -> str:
    rows = judged_rows(experiment, results)
    counted = Counter(row["verdict"] for row in rows if not row.get("agent", "").endswith(MARKS))
    return ", ".join(f"{number} {word}" for word, number in sorted(counted.items()))
