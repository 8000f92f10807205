"""The check of one finished run from its small files: identity, traces, scores. Needs no torch, no weights, no GPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replication.evidence import records
from replication.evidence.compare_tables import compare_csv
from replication.evidence.protocol_replay import replay_by_protocol
from replication.evidence.scores import score, score_rows
from replication.evidence.step_trace import read_step_trace
from replication.evidence.trace_file import Trace, read_trace
from replication.evidence.traces import AnyTrace
from replication.evidence.verify_evaluations import check_evaluations
from replication.evidence.verify_header import check_episodes, check_header, check_step_header
from replication.evidence.verify_training import check_training
from replication.foundation.errors import ReplicationError
from replication.foundation.files import csv_bytes
from replication.foundation.validation import validated
from replication.specification.protocols import FinalEvaluation, GymnasiumPresentation, of_atari
from replication.specification.tasks.gymnasium_tasks import GymnasiumTask
from replication.specification.tasks.registry import find_task

DERIVED = {"scores.csv", "evaluation.trace", "training.trace", "iterations.csv", "run.json"}
"""Files of a run that are derived again. The others follow from weights or from traces that stay with the state; for
them run.json keeps a digest."""


@dataclass(frozen=True)
class Checked:
    """The runs, episodes, frames, steps and cells that were checked."""

    runs: int = 0
    episodes: int = 0
    frames: int = 0
    """Of games."""
    steps: int = 0
    """Of other tasks."""
    cells: int = 0
    underived: tuple[str, ...] = ()
    """Names of the files that cannot be derived from what is kept, one entry a file."""

    def __add__(self, other: Checked) -> Checked:
        return Checked(
            self.runs + other.runs,
            self.episodes + other.episodes,
            self.frames + other.frames,
            self.steps + other.steps,
            self.cells + other.cells,
            self.underived + other.underived,
        )


def check_run(folder: Path, report: Callable[[int], object] = lambda frames: None) -> Checked:
    """Play a run's traces again under its protocol, and derive its scores from them.

    Args:
        folder: results/runs/VARIANT/GAME/seedN/DIGEST.
        report: called with emulator frames, or steps of another task, as they are played.

    Raises:
        ReplicationError: the first difference: file, episode, frame or cell.
    """
    record = records.read(folder)
    checked, derived = Checked(runs=1), set[str]()
    final = _final_evaluation(record, folder)
    if final is not None:
        trace = _check_final_evaluation(record, final, folder / "evaluation.trace", report)
        cells = compare_csv(folder / "scores.csv", csv_bytes(score_rows(trace)))
        of_training = record["protocol_settings"].get("training_score") is not None
        if not of_training and record["score"] != score(trace):
            raise ReplicationError(
                f"{folder}/run.json: score: found {record['score']}, its trace gives {score(trace):g}"
            )
        checked += _played(trace) + Checked(cells=cells + 1)
    if record["protocol_settings"]["published_quantity"] == "periodic_evaluations":
        evaluations, cells, derived = check_evaluations(record, folder, report)
        checked += sum(map(_played, evaluations), Checked(cells=cells))
    elif record["protocol_settings"]["published_quantity"] != "final_evaluation":
        training, cells, derived = check_training(record, folder, report)
        checked += _played(training) + Checked(cells=cells)
    names = {file.name for file in folder.iterdir() if not file.name.startswith(".")}
    return checked + Checked(underived=tuple(sorted(names - DERIVED - derived)))


def _check_final_evaluation(
    record: Mapping[str, Any], final: FinalEvaluation, path: Path, report: Callable[[int], object]
) -> AnyTrace:
    """Play the trace of a final evaluation again under the run's protocol.

    Returns: the trace.
    """
    shown = final.presentation
    trace: AnyTrace
    if isinstance(shown, GymnasiumPresentation):
        from replication.evidence.step_replay import replay_steps  # takes Gymnasium, which games do not need

        trace, task = read_step_trace(path), find_task(records.task_name(record))
        assert isinstance(task, GymnasiumTask), f"{task.name}: none of Gymnasium"
        check_step_header(trace, record, "final_evaluation", path)
        check_episodes(trace, final.num_episodes, path)
        replay_steps(trace, task, shown, path, report)
    else:
        trace = read_trace(path)
        check_header(trace, record, "final_evaluation", of_atari(shown), path)
        check_episodes(trace, final.num_episodes, path)
        replay_by_protocol(trace, of_atari(shown), path, report)
    return trace


def _played(trace: AnyTrace) -> Checked:
    """Count what was played again."""
    if isinstance(trace, Trace):
        return Checked(episodes=len(trace.episodes), frames=sum(episode.total_frames for episode in trace.episodes))
    return Checked(episodes=len(trace.episodes), steps=sum(episode.steps for episode in trace.episodes))


def _final_evaluation(record: Mapping[str, Any], folder: Path) -> FinalEvaluation | None:
    """Read the evaluation that was played at the end of training; None: none was."""
    played = record["protocol_settings"]
    for name in ("final_evaluation", "evaluation_beside_score"):
        if played.get(name) is not None:
            return validated(FinalEvaluation, played[name], folder / "run.json", name)
    return None
