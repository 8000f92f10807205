"""The files of a checkpoint of an on-policy run.

- `tensors.safetensors`: network and optimizer;
- `actors.json`: counters, streams and episodes, and each actor as it stands: its emulator, its frames, the record of
  the episode under way;
- `training.trace`: the finished training episodes that the record may need and the newest, where they are scored; the
  others lie in chapters beside the checkpoints.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from replication.evidence.recording import training_header
from replication.evidence.scores import CurvePoint, EpisodeRecord
from replication.evidence.trace_file import Trace, parse_trace, serialise_trace
from replication.foundation.errors import ReplicationError, reason_of
from replication.foundation.files import plain, readable_json, rich
from replication.foundation.random_streams import stream_state
from replication.foundation.validation import Settings, validated
from replication.specification.run import Run
from replication.training.on_policy.lane import Lane
from replication.training.on_policy.learner import Learner

_TENSORS, _ACTORS, _TRACE = "tensors.safetensors", "actors.json", "training.trace"


_Number = Annotated[int, Field(ge=0, lt=2**40)]


class _Actor(Settings):
    """An actor in actors.json."""

    game: dict[str, Any]
    stack: dict[str, Any]
    streams: dict[str, dict[str, Any]]
    episodes: _Number
    recorded: dict[str, Any] | None


class _Content(Settings):
    """The whole of actors.json."""

    step: _Number
    seconds: Annotated[float, Field(ge=0)]
    streams: dict[str, dict[str, Any]]
    episodes: tuple[EpisodeRecord, ...]
    actors: tuple[_Actor, ...]
    chapters: dict[str, str]
    """Name to SHA-256 of the complete chapters of training episodes."""
    curve: tuple[CurvePoint, ...] = ()
    """The periodic evaluations; checkpoints that are older than these have no such key."""


@dataclass(frozen=True)
class Past:
    """Everything of a lane that a checkpoint holds."""

    step: int
    streams: dict[str, dict[str, Any]]
    """Of the lane; each actor's state holds its own."""
    episodes: tuple[EpisodeRecord, ...]
    actors: tuple[dict[str, Any], ...]
    training: Trace | None
    """The training episodes that the log holds, where their last ones are scored."""
    chapters: dict[str, str]
    """Of the log."""


@dataclass(frozen=True)
class Stored:
    """The content of a checkpoint."""

    past: Past
    curve: tuple[CurvePoint, ...]
    """The periodic evaluations."""
    seconds: float
    tensors: dict[str, Tensor]
    """Of the learner."""


def names_of(run: Run) -> frozenset[str]:
    """Return the names of the files that each checkpoint of a run has."""
    names = {_TENSORS, _ACTORS}
    return frozenset(names | {_TRACE} if run.protocol.training_score else names)


def past_of(lane: Lane) -> Past:
    """Take what a checkpoint holds of a lane; only between two turns of training."""
    return Past(
        step=lane.step,
        streams={name: stream_state(stream) for name, stream in lane.streams.items()},
        episodes=tuple(lane.episodes),
        actors=tuple(actor.state() for actor in lane.actors),
        training=Trace(training_header(lane.run, lane.minimal_actions), tuple(lane.log.held)) if lane.log else None,
        chapters=dict(lane.log.chapters) if lane.log else {},
    )


def encode(stored: Stored) -> dict[str, bytes]:
    """Return the files of a checkpoint, by name."""
    past = stored.past
    content = {
        "step": past.step,
        "seconds": stored.seconds,
        "streams": past.streams,
        "episodes": [asdict(record) for record in past.episodes],
        "actors": past.actors,
        "chapters": past.chapters,
        "curve": [asdict(point) for point in stored.curve],
    }
    files = {
        _TENSORS: save({name: tensor.contiguous() for name, tensor in stored.tensors.items()}),
        _ACTORS: readable_json(plain(content)),
    }
    return files | ({} if past.training is None else {_TRACE: serialise_trace(past.training)})


def decode(files: Mapping[str, bytes], folder: Path, lane: Lane, learner: Learner) -> Stored:
    """Decode the files of a checkpoint, and check all that can be checked without playing.

    Args:
        files: by name, all of them.
        folder: for messages.
        lane: of the same run.
        learner: of the same run.

    Raises:
        ReplicationError: a file is not what a checkpoint of this run has.
    """
    where = folder / _ACTORS
    try:
        content = validated(_Content, json.loads(files[_ACTORS]), where)
        actors = tuple(rich(actor.model_dump()) for actor in content.actors)
    except (ValueError, TypeError, RecursionError) as error:
        raise ReplicationError(f"{where}: not the record of actors ({reason_of(error)})") from None
    if len(actors) != len(lane.actors):
        raise ReplicationError(f"{where}: actors: found {len(actors)}, expected {len(lane.actors)}")
    expected = [set(lane.streams), *(set(actor.streams) for actor in lane.actors)]
    for found, names in zip([content.streams, *(actor["streams"] for actor in actors)], expected, strict=True):
        if set(found) != names:
            raise ReplicationError(f"{where}: streams: found {sorted(found)}, expected {sorted(names)}")
    try:
        tensors = load(files[_TENSORS])
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ReplicationError(f"{folder}/{_TENSORS}: not readable ({reason_of(error)})") from None
    _check_tensors(tensors, folder / _TENSORS, learner)
    training = parse_trace(files[_TRACE], folder / _TRACE) if _TRACE in files else None
    past = Past(content.step, content.streams, content.episodes, actors, training, content.chapters)
    return Stored(past, content.curve, content.seconds, tensors)


def _check_tensors(tensors: Mapping[str, Tensor], path: Path, learner: Learner) -> None:
    """Check that tensors have this learner's names, types and shapes."""
    expected = {name: _kind(tensor) for name, tensor in learner.tensors().items()}
    found = {name: _kind(tensor) for name, tensor in tensors.items()}
    for name in sorted(expected | found):
        ours, theirs = (them.get(name, "no such tensor") for them in (found, expected))
        if ours != theirs:
            raise ReplicationError(f"{path}: {name!r}: found {ours}, expected {theirs}")


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
