"""The evaluations during a training, where their scores are what is published: those that the record keeps.

A record keeps the traces of the evaluations at the steps where its run may be judged, and at its end. All others stay
with the state of training; the record has their digests. An evaluation has streams of its own, which its number among
the run's evaluations names, so each can be played again without the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from replication.evidence.run_files import Outcome
from replication.evidence.scores import CurvePoint, score
from replication.evidence.state_files import evaluation_name, evaluation_traces
from replication.evidence.step_trace import StepTrace, parse_step_trace, serialise_step_trace
from replication.foundation.errors import ReplicationError
from replication.foundation.files import sha256

EVERY_KEPT = "evaluation_*.trace"
"""Pattern of the names of all that a record keeps."""


def kept_name(step: int) -> str:
    """Return the name, in a record, of the trace of the evaluation at an agent step."""
    return f"evaluation_{step:010d}.trace"


def evaluated_outcome(outcome: Outcome, curve: Sequence[CurvePoint], state: Path) -> Outcome:
    """Add to what a run leaves the evaluations where it may be judged, and its score: that of the last one.

    Args:
        outcome: of the training, at its end.
        curve: every evaluation, in order; the session has written their traces to the state.
        state: root of the state.

    Raises:
        ReplicationError: an evaluation where the run may be judged was not made, or its trace was removed.
    """
    run, scored = outcome.run, outcome.run.protocol.evaluation_score
    assert scored is not None, f"{run.name}: protocol {run.protocol.protocol} scores no evaluations during training"
    traces = evaluation_traces(run, state, [point.step for point in curve])
    kept: dict[int, StepTrace] = {}
    for step in scored.points_steps(run.training_steps):
        path = run.state_folder(state) / evaluation_name(step)
        if evaluation_name(step) not in traces:
            raise ReplicationError(
                f"{path}: missing, expected the evaluation at step {step:,}, which the record is to keep; remove "
                f"{run.state_folder(state)} to make the run again"
            )
        trace = parse_step_trace(traces[evaluation_name(step)], path)
        kept[step] = replace(trace, header=trace.header.model_copy(update={"result_digest": run.result_digest}))
    rows = [row for step, trace in kept.items() for row in evaluation_rows(step, trace)]
    return replace(
        outcome,
        tables=dict(outcome.tables) | {"evaluations": rows},
        files=dict(outcome.files) | {kept_name(step): serialise_step_trace(trace) for step, trace in kept.items()},
        in_state=dict(outcome.in_state) | {name: sha256(data) for name, data in traces.items()},
        evaluation_score=score(kept[run.training_steps]),
    )


def evaluation_rows(step: int, trace: StepTrace) -> list[dict[str, Any]]:
    """Build the rows of evaluations.csv that an evaluation gives.

    Args:
        step: agent steps of training before it.
        trace: of its episodes.
    """
    return [
        {
            "step": step,
            "episode": number,
            "raw_return": episode.raw_return,
            "steps": episode.steps,
            "ending": episode.ending,
        }
        for number, episode in enumerate(trace.episodes)
    ]
