"""The small files of a finished run: what a table or a figure is made from, and what a stranger can check.

run.json (written last: the run is finished when it is there), scores.csv and evaluation.trace (final evaluation),
curve.csv (periodic evaluations), training.csv (training episodes), iterations.csv and training.trace (protocols
whose published quantity is the training return). Where a protocol scores the last training episodes, training.csv and
training.trace hold those that a score is of, and training_curve.csv has the scores; run.json has the digests of the
traces of all episodes, which lie in the state of training. Where a protocol scores the evaluations during training,
evaluation_STEP.trace are those at which the run may be judged, and evaluations.csv has their episodes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from replication.evidence import records
from replication.evidence.episode_log import EpisodeLog
from replication.evidence.provenance import provenance
from replication.evidence.scores import curve_points_frames, kept_rows, last_episodes_rows, score, score_rows
from replication.evidence.trace_file import Trace, serialise_trace
from replication.evidence.traces import AnyTrace, trace_bytes
from replication.foundation.files import csv_bytes, sha256
from replication.specification.digests import record_digests
from replication.specification.fidelity import deviations_in_force
from replication.specification.run import Run


@dataclass(frozen=True)
class Outcome:
    """What a finished run leaves: the content of its record."""

    run: Run
    evaluation: AnyTrace | None
    """Trace of the final evaluation, where the protocol has one that is traced."""
    training: Trace | None
    """Trace of the training episodes, where their returns are the published quantity: all, or those that are scored."""
    facts: Mapping[str, Any]
    """What else run.json records (counts, cost, device, evaluated network)."""
    tables: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """Name to the rows of NAME.csv; one without rows is not written."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Other files of the record, by name."""
    in_state: Mapping[str, str] = field(default_factory=dict)
    """Name to SHA-256 of the files in the run's state that the record vouches for and does not hold."""
    state_files: Mapping[str, bytes] = field(default_factory=dict)
    """Those of them that are still to be written there."""
    training_score: float | None = None
    """The score, where it is one of training episodes."""
    evaluation_score: float | None = None
    """The score, where it is that of the evaluation at the end of training."""


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
    in_state = dict(outcome.in_state) | {name: sha256(data) for name, data in outcome.state_files.items()}
    facts = dict(outcome.facts) | ({"in_state": in_state} if in_state else {})
    records.write(folder, _run_record(outcome) | facts, files)
    return folder


def _run_record(outcome: Outcome) -> dict[str, Any]:
    run, evaluation = outcome.run, outcome.evaluation
    final = None if evaluation is None else score(evaluation)
    if run.protocol.training_score is not None:
        final = outcome.training_score
    if run.protocol.evaluation_score is not None:
        final = outcome.evaluation_score
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


def scored_outcome(outcome: Outcome, log: EpisodeLog, training: Sequence[Mapping[str, Any]]) -> Outcome:
    """Add to what a run leaves the score of its last training episodes, and keep of all episodes those it is of.

    Args:
        outcome: of the training.
        log: of its episodes, at its end.
        training: a row of training.csv for each of all episodes; the record has those of the kept ones.
    """
    run, scored = outcome.run, outcome.run.protocol.training_score
    assert scored is not None
    kept, chapters = log.kept(), log.chapter_under_way()
    points = curve_points_frames(scored, run.training_frames)
    curve = last_episodes_rows(training, points, kept.header.frame_skip, scored.episodes)
    at_end = [row["mean_return"] for row in curve if row["frames"] == run.training_frames]
    return replace(
        outcome,
        training=kept,
        tables=dict(outcome.tables) | {"training": kept_rows(kept), "training_curve": curve},
        in_state=dict(outcome.in_state) | log.chapters,
        state_files=chapters,
        training_score=at_end[0] if at_end else None,
    )
