"""The check of the evaluations during a training: those of its record are played again, tables derived from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from replication.evidence.compare_tables import compare_csv, compare_rows
from replication.evidence.evaluation_log import evaluation_rows, kept_name
from replication.evidence.scores import score
from replication.evidence.step_trace import StepTrace, read_step_trace
from replication.evidence.verify_header import check_episodes, check_step_header
from replication.foundation.errors import ReplicationError
from replication.foundation.files import csv_bytes
from replication.foundation.validation import validated
from replication.specification.protocols import GymnasiumPresentation, PeriodicEvaluation
from replication.specification.scored_points import EvaluationScore
from replication.specification.tasks.gymnasium_tasks import GymnasiumTask
from replication.specification.tasks.registry import find_task


def check_evaluations(
    record: Mapping[str, Any], folder: Path, report: Callable[[int], object]
) -> tuple[list[StepTrace], int, set[str]]:
    """Play every evaluation_STEP.trace again under the run's protocol, and derive from them what is published.

    The rows of curve.csv between these steps rest on the record's seal; their traces stay with the state of training.

    Args:
        record: run.json, read and checked.
        folder: of the record.
        report: called with the steps of each episode as they are played.

    Returns: the traces, the number of cells derived again, and the names of the files that were derived whole.
    Raises:
        ReplicationError: the first difference: file, episode, step or cell.
    """
    from replication.evidence.step_replay import replay_steps  # takes Gymnasium, which games do not need

    run_json, settings = folder / "run.json", record["protocol_settings"]
    periodic = validated(PeriodicEvaluation, settings["periodic_evaluation"], run_json, "periodic_evaluation")
    scored = validated(EvaluationScore, settings["evaluation_score"], run_json, "evaluation_score")
    task, shown = find_task(record["task"]), periodic.presentation
    assert isinstance(task, GymnasiumTask) and isinstance(shown, GymnasiumPresentation), f"{task.name}: not Gymnasium's"
    budget_steps = record["budget"]["steps"]
    traces = {}
    for step in scored.points_steps(budget_steps):
        path = folder / kept_name(step)
        traces[step] = read_step_trace(path)
        check_step_header(traces[step], record, "periodic_evaluation", path)
        check_episodes(traces[step], periodic.num_episodes or 0, path)
        replay_steps(traces[step], task, shown, path, report, index=step // periodic.period_steps)
    names = {kept_name(step) for step in traces}
    if extra := sorted({path.name for path in folder.glob("evaluation_*.trace")} - names):
        raise ReplicationError(f"{folder / extra[0]}: an evaluation at a step where no run of this protocol is judged")
    rows = [row for step, trace in traces.items() for row in evaluation_rows(step, trace)]
    cells = compare_csv(folder / "evaluations.csv", csv_bytes(rows))
    points = [{"step": step, "score": score(trace), "episodes": len(trace.episodes)} for step, trace in traces.items()]
    compared, _ = compare_rows(folder / "curve.csv", "step", points)
    if record["score"] != points[-1]["score"]:
        raise ReplicationError(f"{run_json}: score: found {record['score']}, its trace gives {points[-1]['score']:g}")
    return list(traces.values()), cells + compared + 1, {"evaluations.csv", *names}
