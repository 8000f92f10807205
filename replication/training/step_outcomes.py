"""What the record of a run holds whose task counts steps, and which was evaluated in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from replication.evidence.evaluation_log import evaluated_outcome
from replication.evidence.run_files import Outcome
from replication.evidence.scores import CurvePoint, EpisodeRecord
from replication.evidence.state_files import evaluation_traces
from replication.evidence.traces import AnyTrace
from replication.foundation.files import sha256
from replication.specification.run import Run
from replication.training.machine.settings import Machine


def outcome_by_steps(
    run: Run,
    evaluation: AnyTrace | None,
    facts: Mapping[str, Any],
    episodes: Sequence[EpisodeRecord],
    curve: Sequence[CurvePoint],
    machine: Machine,
) -> Outcome:
    """Put together what a trained run leaves; where evaluations in training are scored, the record keeps those.

    Args:
        run: at the end of its training.
        evaluation: the final one, where the protocol has one.
        facts: of its family, for run.json.
        episodes: of training, the finished ones.
        curve: its evaluations in training.
        machine: where it was trained.
    """
    rows = [{"episode": i, **_episode_row(asdict(record))} for i, record in enumerate(episodes)]
    tables = {"training": rows, "curve": [asdict(point) for point in curve]}
    outcome = Outcome(run, evaluation, None, dict(facts), tables)
    if run.protocol.evaluation_score is not None:
        return evaluated_outcome(outcome, curve, machine.state)
    traces = evaluation_traces(run, machine.state, [point.step for point in curve])
    in_state = {name: sha256(data) for name, data in traces.items()}
    return Outcome(run, evaluation, None, dict(facts), tables, in_state=in_state)


def _episode_row(record: dict[str, Any]) -> dict[str, Any]:
    """Name the length of an episode by its unit: a task that is no game counts steps."""
    return {("steps" if name == "frames" else name): value for name, value in record.items()}
