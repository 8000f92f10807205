"""The files of a checkpoint of a run of the family.

- `tensors.safetensors`: networks, targets, optimizers, and the content of the replay memory;
- `lane.json`: counters, streams, episodes, evaluations, and the task as it stands.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from replication.evidence.scores import CurvePoint, EpisodeRecord
from replication.foundation.errors import ReplicationError, reason_of
from replication.foundation.files import plain, readable_json, rich
from replication.foundation.validation import Settings, validated
from replication.training.off_policy_continuous.parts import AnyLane, AnyLearner

_TENSORS, _LANE = "tensors.safetensors", "lane.json"
NAMES = frozenset({_TENSORS, _LANE})
"""The files of every checkpoint, beside its manifest."""
_Number = Annotated[int, Field(ge=0, lt=2**40)]


class _Content(Settings):
    """The whole of lane.json."""

    lane: dict[str, Any]
    episodes: tuple[EpisodeRecord, ...]
    curve: tuple[CurvePoint, ...]
    added: _Number
    updates: _Number
    seconds: Annotated[float, Field(ge=0)]


class _Lane(Settings):
    """What `Lane.state` returns."""

    step: _Number
    updates_owed: _Number
    task: dict[str, Any]
    noise: dict[str, Any]
    streams: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Stored:
    """The content of a checkpoint."""

    lane: dict[str, Any]
    """As `Lane.state` returned it."""
    episodes: tuple[EpisodeRecord, ...]
    curve: tuple[CurvePoint, ...]
    added: int
    """Transitions that were ever added to the replay memory."""
    updates: int
    """Of the critics."""
    seconds: float
    tensors: dict[str, Tensor]
    """Of the learner, and the content of the replay memory."""


def encode(lane: AnyLane, learner: AnyLearner, curve: Sequence[CurvePoint], seconds: float) -> dict[str, bytes]:
    """Return the files of a checkpoint, by name; only between two turns of training."""
    content = {
        "lane": lane.state(),
        "episodes": [asdict(record) for record in lane.episodes],
        "curve": [asdict(point) for point in curve],
        "added": lane.replay.added,
        "updates": learner.updates,
        "seconds": seconds,
    }
    tensors = {**learner.tensors(), "replay": lane.replay.content()}
    return {_TENSORS: save(tensors), _LANE: readable_json(plain(content))}


def decode(files: Mapping[str, bytes], folder: Path, lane: AnyLane, learner: AnyLearner) -> Stored:
    """Decode the files of a checkpoint, and check all that can be checked without playing.

    Args:
        files: by name, all of them.
        folder: for messages.
        lane: of the same run.
        learner: of the same run.

    Raises:
        ReplicationError: a file is not what a checkpoint of this run has.
    """
    where = folder / _LANE
    try:
        content = validated(_Content, json.loads(files[_LANE]), where)
        of_lane = rich(validated(_Lane, content.lane, where, "lane").model_dump())
    except (ValueError, TypeError, RecursionError) as error:
        raise ReplicationError(f"{where}: not the record of a lane ({reason_of(error)})") from None
    if set(of_lane["streams"]) != set(lane.streams):
        raise ReplicationError(f"{where}: streams: found {sorted(of_lane['streams'])}, expected {sorted(lane.streams)}")
    if getattr(of_lane["noise"], "shape", None) != lane.noise_state.shape:
        raise ReplicationError(f"{where}: noise: found {of_lane['noise']!r}, expected {len(lane.noise_state)} numbers")
    try:
        tensors = load(files[_TENSORS])
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ReplicationError(f"{folder}/{_TENSORS}: not readable ({reason_of(error)})") from None
    _check_tensors(tensors, content.added, folder / _TENSORS, lane, learner)
    return Stored(of_lane, content.episodes, content.curve, content.added, content.updates, content.seconds, tensors)


def _check_tensors(tensors: Mapping[str, Tensor], added: int, path: Path, lane: AnyLane, learner: AnyLearner) -> None:
    """Check that tensors have the names, types and shapes of this learner and its replay memory."""
    expected = {name: _kind(tensor) for name, tensor in learner.tensors().items()}
    held, width = min(added, lane.config.replay_capacity_steps), lane.replay.content().shape[1]
    expected["replay"] = f"float32 {[held, width]}"
    found = {name: _kind(tensor) for name, tensor in tensors.items()}
    for name in sorted(expected | found):
        ours, theirs = (them.get(name, "no such tensor") for them in (found, expected))
        if ours != theirs:
            raise ReplicationError(f"{path}: {name!r}: found {ours}, expected {theirs}")


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
