"""results/README.md: what lies in the results folder, how each file was made, how to check it."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from replication.analysis.finished import coverage, load_runs
from replication.experiments import known_experiments, load_experiment
from replication.files import write_atomically
from replication.other_scores import MARKS

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_MADE_BY_EVERY_CLONE = {"quickstart"}
"""Experiments whose results git ignores."""


def results_readme(results: Path) -> str:
    """The text of results/README.md.

    Raises:
        ReplicationError: a damaged run file.
    """
    shown = []
    for name in known_experiments():
        if name in _MADE_BY_EVERY_CLONE or not (results / name / "index.html").exists():
            continue
        experiment = load_experiment(name)
        covered = str(coverage(experiment, load_runs(experiment, results)))
        verdicts = _verdicts(results / name)
        shown.append({"name": name, "title": experiment.title, "coverage": covered, "verdicts": verdicts})
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=False,  # Markdown
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("results.md").render(experiments=shown)


def write_results_readme(results: Path) -> Path:
    """Bring results/README.md up to date."""
    path = results / "README.md"
    write_atomically(path, results_readme(results).encode())
    return path


def _verdicts(folder: Path) -> str:
    path = folder / "tables" / "scores.csv"
    if not path.exists():
        return ""
    with path.open(newline="") as file:
        counted = Counter(row["verdict"] for row in csv.DictReader(file) if not row["agent"].endswith(MARKS))
    return ", ".join(f"{number} {word}" for word, number in sorted(counted.items()))
