"""The files of a checkpoint of an off-policy run.

- `tensors.safetensors`: networks, optimizer, best network, held-out transitions, priorities of the replay memory;
- `lane.json`: counters, streams, records, and the keyframe from which the replay memory is played again;
- `decisions.bin`: one byte an agent step since that keyframe (zlib);
- `training.trace`: the finished training episodes, where they are the published quantity; where the last ones are
  scored, those that the record may need and the newest, while the others lie in chapters beside the checkpoints.

The frames of the replay memory are not stored: they follow from the keyframe and the decisions.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from replication.evidence.scores import CurvePoint, EpisodeRecord, IterationRecord
from replication.evidence.trace_file import parse_trace, serialise_trace
from replication.foundation.errors import ReplicationError, reason_of
from replication.foundation.files import plain, readable_json, rich
from replication.foundation.validation import Settings, validated
from replication.specification.run import Run
from replication.training.off_policy.lane import GAME_STREAMS, NO_DECISION
from replication.training.off_policy.lane_contract import AnyLane, Keyframe, Past
from replication.training.off_policy.learner import Learner
from replication.training.replay.priorities import check_state, state_kinds
from replication.training.replay.transitions import array_kinds

_Number = Annotated[int, Field(ge=0, lt=2**40)]


class _LaneContent(Settings):
    """lane.json."""

    step: _Number
    seconds: Annotated[float, Field(ge=0)]
    rows_appended: _Number
    stack_sha256: str
    streams: dict[str, dict[str, Any]]
    episodes: tuple[EpisodeRecord, ...]
    iterations: tuple[IterationRecord, ...]
    curve: tuple[CurvePoint, ...]
    keyframe: Keyframe
    chapters: dict[str, str] | None = None
    """Name to SHA-256 of the complete chapters of training episodes; only where the last ones are scored."""


@dataclass(frozen=True)
class Stored:
    """The content of a checkpoint."""

    past: Past
    seconds: float
    curve: tuple[CurvePoint, ...]
    tensors: dict[str, Tensor]
    """Of the learner, and those `part_of` finds under `best` and `held_out`, which may be absent."""


def names_of(run: Run) -> frozenset[str]:
    """Return the names of the files that each checkpoint of a run has."""
    names = {"tensors.safetensors", "lane.json", "decisions.bin"}
    return frozenset(names | {"training.trace"} if run.publishes_training else names)


def encode(stored: Stored) -> dict[str, bytes]:
    """Return the files of a checkpoint, by name."""
    past = stored.past
    priorities = {f"priorities.{name}": torch.from_numpy(array) for name, array in (past.priorities or {}).items()}
    tensors = {name: tensor.contiguous() for name, tensor in (stored.tensors | priorities).items()}
    files = {
        "tensors.safetensors": save(tensors),
        "lane.json": readable_json(plain(_lane_content(stored))),
        "decisions.bin": zlib.compress(past.decisions, 1),
    }
    if past.training is not None:
        files["training.trace"] = serialise_trace(past.training)
    return files


def _lane_content(stored: Stored) -> dict[str, Any]:
    past = stored.past
    return {
        "step": past.step,
        "seconds": stored.seconds,
        "rows_appended": past.rows_appended,
        "stack_sha256": past.stack_sha256,
        "streams": past.streams,
        "episodes": [asdict(record) for record in past.episodes],
        "iterations": [asdict(record) for record in past.iterations],
        "curve": [asdict(point) for point in stored.curve],
        "keyframe": asdict(past.keyframe),
    } | ({} if past.chapters is None else {"chapters": past.chapters})


def count_evaluations(files: Mapping[str, bytes], folder: Path) -> int:
    """Count the periodic evaluations in a checkpoint.

    Raises:
        ReplicationError: it is damaged.
    """
    try:
        return len(json.loads(files["lane.json"])["curve"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ReplicationError(f"{folder}/lane.json: not the record of a lane ({reason_of(error)})") from None


def decode(files: Mapping[str, bytes], folder: Path, lane: AnyLane, learner: Learner) -> Stored:
    """Decode the files of a checkpoint, and check all that can be checked without playing.

    Args:
        files: by name, all of them.
        folder: for messages.
        lane: of the same run.
        learner: of the same run.

    Raises:
        ReplicationError: a file is not what a checkpoint of this run has.
    """
    where = folder / "lane.json"
    try:
        content = validated(_LaneContent, json.loads(files["lane.json"]), where)
        keyframe = replace(content.keyframe, game=rich(content.keyframe.game))
    except (ValueError, TypeError, RecursionError) as error:
        raise ReplicationError(f"{where}: not the record of a lane ({reason_of(error)})") from None
    for found, expected in ((content.streams, set(lane.streams)), (keyframe.streams, set(GAME_STREAMS))):
        if set(found) != expected:
            raise ReplicationError(f"{where}: streams: found {sorted(found)}, expected {sorted(expected)}")
    try:
        tensors = load(files["tensors.safetensors"])
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ReplicationError(f"{folder}/tensors.safetensors: not readable ({reason_of(error)})") from None
    _check_tensors(tensors, folder / "tensors.safetensors", lane, learner)
    priorities = {name: tensor.numpy() for name, tensor in part_of("priorities", tensors).items()}
    if priorities:
        try:
            check_state(priorities)
        except ReplicationError as error:
            raise ReplicationError(f"{folder}/tensors.safetensors: priorities: {error}") from None
    decisions = _decisions(files["decisions.bin"], folder, content.step - keyframe.step, lane.num_actions)
    training = None
    if lane.run.publishes_training:
        training = parse_trace(files["training.trace"], folder / "training.trace")
    if (content.chapters is None) != (lane.run.protocol.training_score is None):
        said = "found none, expected them" if content.chapters is None else "found some, expected none"
        raise ReplicationError(f"{where}: chapters: {said}, as the protocol scores training episodes")
    past = Past(
        step=content.step,
        rows_appended=content.rows_appended,
        stack_sha256=content.stack_sha256,
        streams=content.streams,
        episodes=content.episodes,
        iterations=content.iterations,
        training=training,
        chapters=content.chapters,
        keyframe=keyframe,
        decisions=decisions,
        priorities=priorities or None,
    )
    return Stored(past, content.seconds, content.curve, tensors)


def _decisions(packed: bytes, folder: Path, steps: int, num_actions: int) -> bytes:
    """Decompress the decisions of so many steps, and check that each is an action or none."""
    try:
        unpacking = zlib.decompressobj()
        decisions = unpacking.decompress(packed, max(1, steps + 1))
        whole = unpacking.eof and len(decisions) == steps
    except zlib.error:
        whole, decisions = False, b""
    if not whole or not set(decisions) <= {NO_DECISION, *range(num_actions)}:
        raise ReplicationError(
            f"{folder}/decisions.bin: found no {steps} decisions, expected one a step since its keyframe"
        )
    return decisions


def _check_tensors(tensors: dict[str, Tensor], path: Path, lane: AnyLane, learner: Learner) -> None:
    """Check that tensors have this lane's names, types and shapes; best network and held-out ones may be absent."""
    expected = {name: _kind(tensor) for name, tensor in learner.tensors().items()}
    if part_of("best", tensors):
        expected |= {f"best.{name}": _kind(tensor) for name, tensor in learner.online.state_dict().items()}
    if part_of("held_out", tensors):
        kinds = array_kinds(lane.config.held_out_transitions, lane.config.frame_stack, lane.config.future_steps)
        expected |= {f"held_out.{name}": f"{dtype} {[*shape]}" for name, (shape, dtype) in kinds.items() if all(shape)}
    kinds_of_priorities = state_kinds(lane.config).items()
    expected |= {f"priorities.{name}": f"{dtype} {[number]}" for name, (dtype, number) in kinds_of_priorities}
    found = {name: _kind(tensor) for name, tensor in tensors.items()}
    for name in sorted(expected | found):
        ours, theirs = (them.get(name, "no such tensor") for them in (found, expected))
        if ours != theirs:
            raise ReplicationError(f"{path}: {name!r}: found {ours}, expected {theirs}")


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def part_of(part: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Select the tensors of a part, without its name in theirs."""
    return {name.removeprefix(f"{part}."): t for name, t in tensors.items() if name.startswith(f"{part}.")}
