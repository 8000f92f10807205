"""Verdicts as evaluation results of a model: the YAML files of the folder `.eval_results` of a repository of models.

Source: huggingface/hub-docs 064c754 docs/hub/eval-results.md: a list of entries, each with the dataset it is of, the
task, the value, and notes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from replication.foundation.errors import ReplicationError
from replication.foundation.files import write_atomically
from replication.report.pages.tables import judged_rows
from replication.specification.experiments import Experiment

FOLDER = "eval_results"
FRAMEWORK = "replication-suite"


def write_eval_results(experiment: Experiment, results: Path, dataset: str) -> list[Path]:
    """Write a file for each agent of an experiment, in results/EXPERIMENT/eval_results.

    Args:
        experiment: whose table of scores is made.
        results: root of the results.
        dataset: the dataset, as OWNER/NAME, that the platform keeps the benchmark under.

    Returns: the files.
    Raises:
        ReplicationError: no table with verdicts is made; a name that is none of a dataset.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", dataset):
        raise ReplicationError(f"--dataset: found {dataset!r}, expected OWNER/NAME, the benchmark on the platform")
    paths = []
    for agent, entries in eval_results(experiment, results, dataset).items():
        path = results / experiment.experiment / FOLDER / f"{_plain(agent)}.yaml"
        write_atomically(path, yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=120).encode())
        paths.append(path)
    return paths


def eval_results(experiment: Experiment, results: Path, dataset: str) -> dict[str, list[dict[str, Any]]]:
    """Return the entries of each agent, a task each; tasks without a score of ours have none.

    Raises:
        ReplicationError: no table with verdicts is made.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for row in judged_rows(experiment, results):
        if row.get("score"):
            found.setdefault(row.get("agent", ""), []).append(_entry(row, dataset))
    if not found:
        raise ReplicationError(
            f"{results / experiment.experiment}: found no table with scores and verdicts; make it with "
            f"`python -m replication run {experiment.experiment}`"
        )
    return found


def _entry(row: Mapping[str, str], dataset: str) -> dict[str, Any]:
    task = row.get("task") or row.get("game") or ""
    return {
        "dataset": {"id": dataset, "task_id": _plain(task)},
        "value": float(row["score"]),
        "evaluation_framework": FRAMEWORK,
        "notes": "; ".join(_notes(row)),
    }


def _notes(row: Mapping[str, str]) -> list[str]:
    notes = [f"verdict: {row['verdict']}" + (f" ({row['reason']})" if row.get("reason") else "")]
    if row.get("score_low") and row.get("score_high"):
        notes.append(f"95 % interval {float(row['score_low']):.6g} to {float(row['score_high']):.6g}")
    if row.get("seeds_finished"):
        notes.append(f"{row['seeds_finished']} seeds")
    for name, unit in (("frames", "emulator frames"), ("step", "agent steps"), ("steps", "agent steps")):
        if row.get(name):
            notes.append(f"{row[name]} {unit} of training")
    if row.get("published"):
        notes.append(f"published: {float(row['published']):.6g}")
    if row.get("deviations"):
        notes.append(f"departures: {row['deviations']}")
    return notes


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
