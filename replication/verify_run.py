"""Checking one finished run from its small files: identity, traces, scores. Needs no torch, no weights, no GPU."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from replication.errors import ReplicationError
from replication.evaluation import score
from replication.files import sha256
from replication.protocol_replay import replay_by_protocol
from replication.results import FORMAT, csv_bytes, score_rows
from replication.run_records import sealed_record
from replication.runs import record_digests
from replication.settings import FinalEvaluation, Presentation
from replication.trace_file import Trace, read_trace
from replication.validation import validated

DERIVED = {"scores.csv", "evaluation.trace", "training.trace", "iterations.csv", "run.json"}
"""Files of a run that are derived again. The others follow from weights or from traces that stay with the state; for
them run.json keeps a digest."""
ADDED_LATER = {
    "embedding.csv",
    "embedding_screens.csv",
    "embedding_screens.webp",
    "embedding_marked.webp",
    "embedding_policies.csv",
    "value_stretch.csv",
    "value_stretch.webp",
    "clip.webp",
}
"""Made from the activations, the network and the trace after the record was written; older runs lack some."""


@dataclass(frozen=True)
class Checked:
    """What was checked."""

    runs: int = 0
    episodes: int = 0
    frames: int = 0
    cells: int = 0
    underived: tuple[str, ...] = ()
    """Names of the files that cannot be derived from what is kept, one entry a file."""

    def __add__(self, other: Checked) -> Checked:
        return Checked(
            self.runs + other.runs,
            self.episodes + other.episodes,
            self.frames + other.frames,
            self.cells + other.cells,
            self.underived + other.underived,
        )


def check_run(folder: Path, report: Callable[[int], object] = lambda frames: None) -> Checked:
    """Play a run's traces again under its protocol, and derive its scores from them.

    Args:
        folder: results/runs/VARIANT/GAME/seedN/DIGEST.
        report: called with emulator frames as they are played.

    Raises:
        ReplicationError: the first difference: file, episode, frame or cell.
    """
    record = read_run_record(folder)
    frames = episodes = cells = 0
    derived = set()
    final = _final_evaluation(record, folder)
    if final is not None:
        path = folder / "evaluation.trace"
        trace = read_trace(path)
        _check_header(trace, record, "final_evaluation", final.presentation, path)
        _check_episodes(trace, final, path)
        replay_by_protocol(trace, final.presentation, path, report)
        cells += compare_csv(folder / "scores.csv", csv_bytes(score_rows(trace)))
        if record["score"] != score(trace):
            raise ReplicationError(
                f"{folder}/run.json: score: found {record['score']}, its trace gives {score(trace):g}"
            )
        cells += 1
        frames += sum(episode.total_frames for episode in trace.episodes)
        episodes += len(trace.episodes)
    path = folder / "training.trace"
    if record["protocol_settings"]["published_quantity"] == "training_iterations":
        trace = read_trace(path)
        training = validated(Presentation, record["protocol_settings"]["training"], folder / "run.json", "training")
        _check_header(trace, record, "training", training, path)
        replay_by_protocol(trace, training, path, report)
        rows = training_rows(trace, stores_end_frame=bool(record["config"]["stores_end_frame"]))
        cells += compare_csv(folder / "training.csv", csv_bytes(rows))
        iterations = iteration_rows(rows, record["protocol_settings"]["iteration_steps"])
        if len(iterations) != record["budget"]["iterations"]:
            raise ReplicationError(
                f"{path}: found {len(iterations)} iterations, expected {record['budget']['iterations']} (run.json)"
            )
        cells += compare_csv(folder / "iterations.csv", csv_bytes(iterations))
        derived.add("training.csv")
        frames += sum(episode.total_frames for episode in trace.episodes)
        episodes += len(trace.episodes)
    names = {file.name for file in folder.iterdir() if not file.name.startswith(".")}
    return Checked(1, episodes, frames, cells, tuple(sorted(names - DERIVED - derived)))


def read_run_record(folder: Path) -> dict[str, Any]:
    """The record of a run: whole, with the digests of its settings, of its folder and of the files beside it.

    Raises:
        ReplicationError: a file is missing or damaged, or its settings were changed.
    """
    path = folder / "run.json"
    try:
        data = path.read_bytes()
        record: dict[str, Any] = json.loads(data)
        if record["format"] != FORMAT:
            raise ReplicationError(f"{path}: format: found {record['format']}, this program reads {FORMAT}")
        sealed = sealed_record(record)
        digests = record_digests(record)
        claimed = (record["training_digest"], record["result_digest"])
        place = Path(record["variant"], record["game"], f"seed{record['seed']}", digests[1][:12])
        files = {str(name): str(digest) for name, digest in record["files"].items()}
        missing = {"score", "provenance"} - set(record)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise ReplicationError(f"{path}: not the record of a run ({reason}); fetch it again") from None
    if data != sealed or missing:
        raise ReplicationError(f"{path}: seal: its entries do not give the digest it ends with; fetch it again")
    for name, found, derived in zip(("training_digest", "result_digest"), claimed, digests, strict=True):
        if found != derived:
            raise ReplicationError(
                f"{path}: {name}: found {str(found)[:12]}, its settings give {derived[:12]}: they were changed"
            )
    if folder.resolve().parts[-4:] != place.parts:
        raise ReplicationError(f"{path}: lies in {folder}, expected a folder that ends in {place}")
    _check_files(folder, files)
    return record


def _check_files(folder: Path, expected: Mapping[str, str]) -> None:
    found = {file.name for file in folder.iterdir()} - {"run.json"} - ADDED_LATER
    for name in sorted(found | set(expected)):
        if name not in found:
            raise ReplicationError(f"{folder / name}: missing, run.json names it; fetch it again")
        if name not in expected:
            raise ReplicationError(f"{folder / name}: run.json does not name it; remove it")
        if sha256((folder / name).read_bytes()) != expected[name]:
            raise ReplicationError(f"{folder / name}: its digest is not the one in run.json; fetch it again")


def training_rows(trace: Trace, *, stores_end_frame: bool) -> list[dict[str, Any]]:
    """The rows of training.csv, from the trace of the training.

    Args:
        trace: of a training whose lost lives end no trajectory.
        stores_end_frame: whether the last frame of an episode takes an agent step.
    """
    rows, step = [], 0
    for number, episode in enumerate(trace.episodes):
        step += -(-episode.scored_frames // trace.header.frame_skip) + stores_end_frame
        rows.append(
            {
                "episode": number,
                "end_step": step,
                "raw_return": episode.raw_return,
                "frames": episode.scored_frames,
                "ending": episode.ending,
            }
        )
    return rows


def iteration_rows(episodes: Sequence[Mapping[str, Any]], least_steps: int) -> list[dict[str, Any]]:
    """The rows of iterations.csv: whole episodes until an iteration has its least number of steps."""
    rows: list[dict[str, Any]] = []
    start, returns = 0, []
    for episode in episodes:
        returns.append(episode["raw_return"])
        steps = episode["end_step"] - start
        if steps >= least_steps:
            rows.append(
                {
                    "iteration": len(rows),
                    "end_step": episode["end_step"],
                    "steps": steps,
                    "episodes": len(returns),
                    "mean_return": float(np.mean(returns)),
                }
            )
            start, returns = episode["end_step"], []
    return rows


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
    untrained = record["config"].get("action_period_frames") if record["family"] == "untrained" else None
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
    for name, value in expected.items():
        found = getattr(header, name)
        if found != value:
            raise ReplicationError(f"{path}: {name}: found {found}, run.json gives {value}")


def _check_episodes(trace: Trace, final: FinalEvaluation, path: Path) -> None:
    if len(trace.episodes) != final.num_episodes:
        raise ReplicationError(f"{path}: found {len(trace.episodes)} episodes, expected {final.num_episodes}")
    for number, episode in enumerate(trace.episodes):
        if episode.ending == "unfinished":
            raise ReplicationError(f"{path}: episode {number} (the first is 0): unfinished, expected a whole episode")
