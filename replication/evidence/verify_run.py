"""The check of one finished run from its small files: identity, traces, scores. Needs no torch, no weights, no GPU."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replication.evidence import records
from replication.evidence.protocol_replay import replay_by_protocol
from replication.evidence.scores import iteration_rows, score, score_rows, training_rows
from replication.evidence.step_trace import StepTrace, read_step_trace
from replication.evidence.trace_container import RunFields
from replication.evidence.trace_file import Trace, read_trace
from replication.evidence.traces import AnyTrace, episodes_of
from replication.foundation.errors import ReplicationError
from replication.foundation.files import csv_bytes
from replication.foundation.validation import validated
from replication.specification.protocols import FinalEvaluation, GymnasiumPresentation, Presentation, of_atari
from replication.specification.tasks.gymnasium_tasks import GymnasiumTask
from replication.specification.tasks.registry import find_task
from replication.specification.variants import FAMILIES

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
    checked, derived = Checked(runs=1), set()
    final = _final_evaluation(record, folder)
    if final is not None:
        trace = _check_final_evaluation(record, final, folder / "evaluation.trace", report)
        cells = compare_csv(folder / "scores.csv", csv_bytes(score_rows(trace)))
        if record["score"] != score(trace):
            raise ReplicationError(
                f"{folder}/run.json: score: found {record['score']}, its trace gives {score(trace):g}"
            )
        checked += _played(trace) + Checked(cells=cells + 1)
    path = folder / "training.trace"
    if record["protocol_settings"]["published_quantity"] == "training_iterations":
        played = read_trace(path)
        training = validated(Presentation, record["protocol_settings"]["training"], folder / "run.json", "training")
        _check_header(played, record, "training", training, path)
        replay_by_protocol(played, training, path, report)
        rows = training_rows(played, stores_end_frame=bool(record["config"]["stores_end_frame"]))
        cells = compare_csv(folder / "training.csv", csv_bytes(rows))
        iterations = iteration_rows(rows, record["protocol_settings"]["iteration_steps"])
        if len(iterations) != record["budget"]["iterations"]:
            raise ReplicationError(
                f"{path}: found {len(iterations)} iterations, expected {record['budget']['iterations']} (run.json)"
            )
        cells += compare_csv(folder / "iterations.csv", csv_bytes(iterations))
        derived.add("training.csv")
        checked += _played(played) + Checked(cells=cells)
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
        _check_step_header(trace, record, path)
        _check_episodes(trace, final, path)
        replay_steps(trace, task, shown, path, report)
    else:
        trace = read_trace(path)
        _check_header(trace, record, "final_evaluation", of_atari(shown), path)
        _check_episodes(trace, final, path)
        replay_by_protocol(trace, of_atari(shown), path, report)
    return trace


def _played(trace: AnyTrace) -> Checked:
    """Count what was played again."""
    if isinstance(trace, Trace):
        return Checked(episodes=len(trace.episodes), frames=sum(episode.total_frames for episode in trace.episodes))
    return Checked(episodes=len(trace.episodes), steps=sum(episode.steps for episode in trace.episodes))


def compare_csv(path: Path, expected: bytes) -> int:
    """Compare a CSV file with what it must be, cell by cell.

    Returns: number of cells.
    Raises:
        ReplicationError: the first cell that differs: file, row, column.
    """
    try:
        found_text = path.read_bytes().decode()
    except (OSError, ValueError) as error:
        raise ReplicationError(f"{path}: cannot be read ({error}); fetch it again") from None
    found, wanted = (list(csv.reader(io.StringIO(text))) for text in (found_text, expected.decode()))
    for number, (row, other) in enumerate(zip(found, wanted, strict=False), start=1):
        for column, (cell, right) in enumerate(zip(row, other, strict=False)):
            if cell != right:
                name = wanted[0][column] if number > 1 else f"heading {column + 1}"
                raise ReplicationError(f"{path}: row {number}: {name}: found {cell!r}, derived {right!r}")
        if len(row) != len(other):
            raise ReplicationError(f"{path}: row {number}: found {len(row)} cells, derived {len(other)}")
    if len(found) != len(wanted):
        raise ReplicationError(f"{path}: found {len(found)} rows, derived {len(wanted)}")
    if found_text.encode() != expected:
        raise ReplicationError(f"{path}: its cells are right, its bytes are not those this program writes")
    return sum(map(len, wanted[1:]))


def _final_evaluation(record: Mapping[str, Any], folder: Path) -> FinalEvaluation | None:
    settings = record["protocol_settings"].get("final_evaluation")
    return None if settings is None else validated(FinalEvaluation, settings, folder / "run.json", "final_evaluation")


def _check_header(
    trace: Trace, record: Mapping[str, Any], purpose: str, presentation: Presentation, path: Path
) -> None:
    header = trace.header
    facts = FAMILIES.get(record["family"])  # none: played by another program
    untrained = record["config"].get("action_period_frames") if facts is not None and not facts.trains else None
    expected = {
        "variant": record["variant"],
        "protocol": record["protocol"],
        "game": record["game"],
        "seed": record["seed"],
        "result_digest": record["result_digest"],
        "rom_md5": record["provenance"]["rom_md5"],
        "ale_py_version": record["provenance"]["packages"]["ale-py"],
        "purpose": purpose,
        "sticky_probability": presentation.sticky_probability,
        "frame_skip": untrained or presentation.frame_skip,
    }
    _compare_header(header, expected, path)


def _check_step_header(trace: StepTrace, record: Mapping[str, Any], path: Path) -> None:
    expected = {
        "variant": record["variant"],
        "protocol": record["protocol"],
        "environment": record["environment"],
        "task": record["task"],
        "seed": record["seed"],
        "result_digest": record["result_digest"],
        "fingerprint": record["provenance"]["simulator"],
        "purpose": "final_evaluation",
    }
    _compare_header(trace.header, expected, path)


def _compare_header(header: RunFields, expected: Mapping[str, Any], path: Path) -> None:
    for name, value in expected.items():
        found = getattr(header, name)
        if found != value:
            raise ReplicationError(f"{path}: {name}: found {found}, run.json gives {value}")


def _check_episodes(trace: AnyTrace, final: FinalEvaluation, path: Path) -> None:
    if len(trace.episodes) != final.num_episodes:
        raise ReplicationError(f"{path}: found {len(trace.episodes)} episodes, expected {final.num_episodes}")
    for number, episode in enumerate(episodes_of(trace)):
        if episode.ending == "unfinished":
            raise ReplicationError(f"{path}: episode {number} (the first is 0): unfinished, expected a whole episode")
