"""The small files of a finished run: what a table or a figure is made from, and what a stranger can check.

run.json (written last: the run is finished when it is there), scores.csv and evaluation.trace (final evaluation),
curve.csv (periodic evaluations), training.csv (training episodes), iterations.csv and training.trace (protocols
whose published quantity is the training return).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from replication.evidence import records
from replication.evidence.provenance import provenance
from replication.evidence.scores import score, score_rows
from replication.evidence.trace_file import Trace, serialise_trace
from replication.evidence.traces import AnyTrace, trace_bytes
from replication.foundation.files import csv_bytes
from replication.specification.fidelity import deviations_in_force
from replication.specification.run import Run, record_digests


@dataclass(frozen=True)
class Outcome:
    """What a finished run leaves: the content of its record."""

    run: Run
    evaluation: AnyTrace | None
    """Trace of the final evaluation, where the protocol has one that is traced."""
    training: Trace | None
    """Trace of the training episodes, where their returns are the published quantity."""
    facts: Mapping[str, Any]
    """What else run.json records (counts, cost, device, evaluated network)."""
    tables: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """Name to the rows of NAME.csv; one without rows is not written."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Other files of the record, by name."""


def write_results(outcome: Outcome, results: Path) -> Path:
    """Write the files of a finished run, run.json last.

    Args:
        outcome: of the run.
        results: root of the results.

    Returns: the folder.
    """
    folder = outcome.run.results_folder(results)
    files = {f"{name}.csv": csv_bytes(table) for name, table in outcome.tables.items() if table} | dict(outcome.files)
    if outcome.evaluation is not None:
        files["scores.csv"] = csv_bytes(score_rows(outcome.evaluation))
        files["evaluation.trace"] = trace_bytes(outcome.evaluation)
    if outcome.training is not None:
        files["training.trace"] = serialise_trace(outcome.training)
    records.write(folder, _run_record(outcome.run, outcome.evaluation) | dict(outcome.facts), files)
    return folder


def _run_record(run: Run, evaluation: AnyTrace | None) -> dict[str, Any]:
    final = None if evaluation is None else score(evaluation)
    identity = run.record_identity()
    training, result = record_digests(identity)
    return identity | {
        "format": records.FORMAT,
        "result_digest": result,
        "training_digest": training,
        "budget": identity["budget"] | ({"frames": run.training_frames} if "game" in identity else {}),
        "evidence": run.family.evidence,
        "deviations": [deviation.model_dump() for deviation in deviations_in_force(run)],
        "score": None if final is None or math.isnan(final) else final,
        "provenance": provenance(run),
    }
