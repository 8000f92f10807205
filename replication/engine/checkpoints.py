"""Checkpoints that a killed run continues from, exactly.

A checkpoint is a folder, written beside and renamed, whose manifest holds the digest of each file:

- `tensors.safetensors`: networks, optimiser, best network, held-out transitions;
- `lane.json`: counters, streams, records, and the keyframe from which the replay memory is played again;
- `decisions.bin`: one byte an agent step since that keyframe (zlib);
- `training.trace`: the finished training episodes, where they are the published quantity.

The frames of the replay memory are not stored: they follow from the keyframe and the decisions.
"""

from __future__ import annotations

import base64
import json
import shutil
import sys
import uuid
import zlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from replication.engine.lane import NO_DECISION, EpisodeRecord, IterationRecord, Keyframe, Lane
from replication.engine.off_policy import CurvePoint, Trainee
from replication.errors import ReplicationError
from replication.files import readable_json, sha256, write_atomically
from replication.random_streams import restore_stream, stream_state
from replication.replay import Transitions
from replication.trace_file import Episode, parse_trace, serialise_trace
from replication.traces import new_trace
from replication.validation import Settings, validated

VERSION = 1
KEPT = 2
"""Checkpoints on disk; the older one serves if the newer one is damaged."""

_FILES = ("tensors.safetensors", "lane.json", "decisions.bin", "training.trace")
_REMOVE = "it comes from another version of the emulator or of this program: remove the folder to train from the start"


class _LaneContent(Settings):
    """lane.json."""

    step: Annotated[int, Field(ge=0)]
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    rows_appended: Annotated[int, Field(ge=0)]
    stack_sha256: str
    streams: dict[str, dict[str, Any]]
    episodes: tuple[EpisodeRecord, ...]
    iterations: tuple[IterationRecord, ...]
    curve: tuple[CurvePoint, ...]
    keyframe: Keyframe


@dataclass(frozen=True)
class _Stored:
    """A checkpoint as it was read."""

    content: _LaneContent
    keyframe: Keyframe
    tensors: dict[str, Tensor]
    decisions: bytes
    finished: tuple[Episode, ...]
    """Training episodes, where they are the published quantity."""


def save_checkpoint(trainee: Trainee, folder: Path) -> Path:
    """Write a checkpoint of a lane between two steps, and drop all but the newest two.

    Returns: its folder.
    Raises:
        ReplicationError: it cannot be written; earlier checkpoints are untouched.
    """
    lane = trainee.lane
    keyframe = _oldest_needed(lane)
    files = {
        "tensors.safetensors": save({name: t.contiguous() for name, t in _tensors(trainee).items()}),
        "lane.json": readable_json(_plain(_lane_content(trainee, keyframe))),
        "decisions.bin": zlib.compress(bytes(lane.decisions[keyframe.step - lane.decisions_from_step :]), 1),
    }
    if lane.recorder is not None:
        shown = lane.run.protocol.training
        files["training.trace"] = serialise_trace(
            new_trace(lane.recorder, lane.run, shown, shown.frame_skip, "training")
        )
    manifest = {
        "version": VERSION,
        "training_digest": lane.run.training_digest,
        "step": lane.step,
        "sha256": {name: sha256(data) for name, data in files.items()},
    }
    final = folder / f"checkpoint_{lane.step:010d}"
    beside = folder / f".{final.name}.{uuid.uuid4().hex[:8]}.part"
    try:
        for name, data in files.items():
            write_atomically(beside / name, data)
        write_atomically(beside / "manifest.json", readable_json(manifest))
        if final.exists():
            shutil.rmtree(final)
        beside.rename(final)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    for old in checkpoint_folders(folder)[:-KEPT]:
        shutil.rmtree(old)
    return final


def checkpoint_folders(folder: Path) -> list[Path]:
    """Checkpoints of a run, oldest first; leftovers of interrupted writes are no checkpoints."""
    return sorted(path for path in folder.glob("checkpoint_*") if path.name.removeprefix("checkpoint_").isdecimal())


def restore_newest(trainee: Trainee, folder: Path) -> int | None:
    """Continue a lane from the newest whole checkpoint, which must not lie beyond the run's budget.

    Returns: its step, or None where there is no checkpoint.
    Raises:
        ReplicationError: a checkpoint is there, but none is whole and of this run.
    """
    found = checkpoint_folders(folder)
    for path in reversed(found):
        try:
            stored = _decode(trainee, _read(path, trainee.lane.run.training_digest), path)
        except ReplicationError as error:
            print(f"warning: {error}; set aside", file=sys.stderr)
            path.rename(path.with_name(f"damaged_{path.name}_{uuid.uuid4().hex[:8]}"))
            continue
        _restore(trainee, stored, path)
        return trainee.lane.step
    if found:
        raise ReplicationError(f"{folder}: no checkpoint is whole; remove the folder to train from the start")
    return None


def _tensors(trainee: Trainee) -> dict[str, Tensor]:
    named = dict(trainee.learner.tensors())
    named |= {f"best.{name}": tensor for name, tensor in (trainee.best or {}).items()}
    held_out = trainee.lane.held_out
    if held_out is not None:
        named |= {f"held_out.{name}": torch.from_numpy(array) for name, array in held_out._asdict().items()}
    return named


def _lane_content(trainee: Trainee, keyframe: Keyframe) -> dict[str, Any]:
    lane = trainee.lane
    return {
        "step": lane.step,
        "seconds": trainee.seconds,
        "rows_appended": lane.memory.rows_appended,
        "stack_sha256": sha256(lane.stack.tobytes()),
        "streams": {name: stream_state(stream) for name, stream in lane.streams.items()},
        "episodes": [asdict(record) for record in lane.episodes],
        "iterations": [asdict(record) for record in lane.iterations],
        "curve": [asdict(point) for point in trainee.curve],
        "keyframe": asdict(keyframe),
    }


def _oldest_needed(lane: Lane) -> Keyframe:
    """The latest keyframe from which every row the replay memory holds can be played again."""
    held_from = lane.memory.rows_appended - lane.config.replay_capacity_rows
    return [keyframe for keyframe in lane.keyframes if keyframe.rows_appended <= max(0, held_from)][-1]


def _read(path: Path, training_digest: str) -> dict[str, bytes]:
    """All files of a checkpoint, checked against its manifest."""
    try:
        manifest = json.loads((path / "manifest.json").read_bytes())
        digests: dict[str, str] = manifest["sha256"]
        version, identity = manifest["version"], manifest["training_digest"]
        files = {name: (path / name).read_bytes() for name in digests if name in _FILES}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ReplicationError(f"{path}: not a whole checkpoint ({error})") from None
    if version != VERSION:
        raise ReplicationError(f"{path}/manifest.json: version: found {version}, this program reads {VERSION}")
    if identity != training_digest:
        raise ReplicationError(f"{path}/manifest.json: training_digest: another run's ({str(identity)[:12]})")
    missing = {"tensors.safetensors", "lane.json", "decisions.bin"} - set(files)
    if missing:
        raise ReplicationError(f"{path}/manifest.json: sha256: {min(missing)} is missing")
    for name, data in files.items():
        if sha256(data) != digests[name]:
            raise ReplicationError(f"{path}/{name}: its digest is not the manifest's; the file is damaged")
    return files


def _decode(trainee: Trainee, files: dict[str, bytes], path: Path) -> _Stored:
    """The content of a checkpoint, as far as it can be checked without playing."""
    lane, where = trainee.lane, path / "lane.json"
    try:
        content = validated(_LaneContent, json.loads(files["lane.json"]), where)
        keyframe = replace(content.keyframe, game=_rich(content.keyframe.game))
    except (ValueError, TypeError, RecursionError) as error:
        raise ReplicationError(f"{where}: not the record of a lane ({type(error).__name__})") from None
    if set(content.streams) != set(lane.streams) or not set(keyframe.streams) <= set(lane.streams):
        raise ReplicationError(f"{where}: streams: found {', '.join(sorted(content.streams))}")
    try:
        tensors = load(files["tensors.safetensors"])
    except SafetensorError as error:
        raise ReplicationError(f"{path}/tensors.safetensors: not readable ({error})") from None
    for name, tensor in trainee.learner.tensors().items():
        found = tensors.get(name)
        if found is None or (found.shape, found.dtype) != (tensor.shape, tensor.dtype):
            shown = "no such tensor" if found is None else f"{found.dtype} {list(found.shape)}"
            raise ReplicationError(
                f"{path}/tensors.safetensors: {name}: found {shown}, expected {tensor.dtype} {list(tensor.shape)}"
            )
    steps = content.step - keyframe.step
    try:
        unpacking = zlib.decompressobj()
        decisions = unpacking.decompress(files["decisions.bin"], max(1, steps + 1))
        whole = unpacking.eof and len(decisions) == steps
    except zlib.error:
        whole, decisions = False, b""
    if not whole or not set(decisions) <= {NO_DECISION, *range(lane.game.num_actions)}:
        raise ReplicationError(
            f"{path}/decisions.bin: found no {steps} decisions, expected one a step since its keyframe"
        )
    finished: tuple[Episode, ...] = ()
    if lane.recorder is not None:
        if "training.trace" not in files:
            raise ReplicationError(f"{path}/training.trace: missing")
        finished = parse_trace(files["training.trace"], path / "training.trace").episodes
    return _Stored(content, keyframe, tensors, decisions, finished)


def _restore(trainee: Trainee, stored: _Stored, path: Path) -> None:
    lane, learner, content = trainee.lane, trainee.learner, stored.content
    try:
        with torch.no_grad():
            for name, tensor in learner.tensors().items():
                tensor.copy_(stored.tensors[name])
        parts = {part: _under(part, stored.tensors) for part in ("best", "held_out")}
        trainee.best = {name: tensor.to(learner.device) for name, tensor in parts["best"].items()} or None
        held_out = {name: tensor.numpy() for name, tensor in parts["held_out"].items()}
        lane.held_out = Transitions(**held_out) if held_out else None
        trainee.seconds = content.seconds
        trainee.curve = list(content.curve)
        lane.episodes = list(content.episodes)
        lane.iterations = list(content.iterations)
        if lane.recorder is not None:
            lane.recorder.continue_after(stored.finished[: stored.keyframe.episodes])
        lane.replay_decisions(stored.keyframe, stored.decisions)
        emulated = {name: stream_state(lane.streams[name]) for name in stored.keyframe.streams}
        same = (
            lane.step == content.step
            and lane.memory.rows_appended == content.rows_appended
            and emulated == {name: content.streams[name] for name in stored.keyframe.streams}
            and sha256(lane.stack.tobytes()) == content.stack_sha256
        )
        for name, stream in lane.streams.items():
            restore_stream(stream, content.streams[name])
    except (ValueError, TypeError, KeyError, IndexError, AssertionError) as error:
        # Content that is well formed and makes no sense; whatever playing it runs into.
        raise ReplicationError(f"{path}: cannot be continued ({type(error).__name__}: {error}); {_REMOVE}") from None
    if not same:
        raise ReplicationError(f"{path}: playing its decisions again ended elsewhere than it was saved; {_REMOVE}")


def _under(part: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{part}."): t for name, t in tensors.items() if name.startswith(f"{part}.")}


def _plain(content: Any) -> Any:
    """Bytes and arrays as words, so that JSON can hold them."""
    if isinstance(content, bytes):
        return {"bytes": base64.b64encode(content).decode()}
    if isinstance(content, np.ndarray):
        data = base64.b64encode(np.ascontiguousarray(content).tobytes()).decode()
        return {"array": data, "dtype": str(content.dtype), "shape": list(content.shape)}
    if isinstance(content, dict):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    if isinstance(content, np.generic):
        return content.item()
    return content


def _rich(content: Any) -> Any:
    """The inverse of `_plain`."""
    if isinstance(content, dict) and set(content) == {"bytes"}:
        return base64.b64decode(content["bytes"])
    if isinstance(content, dict) and set(content) == {"array", "dtype", "shape"}:
        data = base64.b64decode(content["array"])
        return np.frombuffer(data, dtype=content["dtype"]).reshape(content["shape"]).copy()
    if isinstance(content, dict):
        return {key: _rich(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_rich(value) for value in content]
    return content
