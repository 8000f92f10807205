"""results/README.md: what lies in the results folder, how each file was made, how to check it."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from replication.analysis.finished import coverage, load_runs
from replication.control.settings import known_control_experiments, load_control_experiment
from replication.control.tables import coverage as control_coverage
from replication.control.tables import finished_variants
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
        verdicts = _verdicts(results / name / "tables" / "scores.csv")
        shown.append({"name": name, "title": experiment.title, "coverage": covered, "verdicts": verdicts})
    for name in known_control_experiments():
        if (results / name / "index.html").exists():
            control = load_control_experiment(name)
            covered = control_coverage(control, finished_variants(control, results))
            verdicts = _verdicts(results / name / "tables" / "table1.csv")
            shown.append({"name": name, "title": control.title, "coverage": covered, "verdicts": verdicts})
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


def _verdicts(path: Path) -> str:
    if not path.exists():
        return ""
    with path.open(newline="") as file:
        counted = Counter(row["verdict"] for row in csv.DictReader(file) if not row.get("agent", "").endswith(MARKS))
    return ", ".join(f"{number} {word}" for word, number in sorted(counted.items()))
