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
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

from replication.engine.lane import EpisodeRecord, IterationRecord, Keyframe, Lane
from replication.engine.off_policy import CurvePoint, Trainee
from replication.errors import ReplicationError
from replication.files import readable_json, sha256, write_atomically
from replication.random_streams import restore_stream, stream_state
from replication.replay import Transitions
from replication.traces import new_trace, parse_trace, serialise_trace

VERSION = 1
KEPT = 2
"""Checkpoints on disk; the older one serves if the newer one is damaged."""


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
    return sorted(folder.glob("checkpoint_*"))


def restore_newest(trainee: Trainee, folder: Path) -> int | None:
    """Continue a lane from the newest whole checkpoint, which must not lie beyond the run's budget.

    Returns: its step, or None where there is no checkpoint.
    Raises:
        ReplicationError: a checkpoint is there, but none is whole and of this run.
    """
    found = checkpoint_folders(folder)
    for path in reversed(found):
        try:
            files = _read(path, trainee.lane.run.training_digest)
        except ReplicationError as error:
            print(f"warning: {error}; set aside", file=sys.stderr)
            path.rename(path.with_name(f"damaged_{path.name}"))
            continue
        _restore(trainee, files, path)
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
        files = {name: (path / name).read_bytes() for name in digests}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReplicationError(f"{path}: not a whole checkpoint ({error})") from None
    if version != VERSION:
        raise ReplicationError(f"{path}/manifest.json: version: found {version}, this program reads {VERSION}")
    if identity != training_digest:
        raise ReplicationError(f"{path}/manifest.json: training_digest: another run's ({str(identity)[:12]})")
    for name, data in files.items():
        if sha256(data) != digests[name]:
            raise ReplicationError(f"{path}/{name}: its digest is not the manifest's; the file is damaged")
    return files


def _restore(trainee: Trainee, files: dict[str, bytes], path: Path) -> None:
    lane, learner = trainee.lane, trainee.learner
    content = _rich(json.loads(files["lane.json"]))
    tensors = load(files["tensors.safetensors"])
    with torch.no_grad():
        for name, tensor in learner.tensors().items():
            tensor.copy_(tensors[name])
    parts = {part: _under(part, tensors) for part in ("best", "held_out")}
    trainee.best = {name: tensor.to(learner.device) for name, tensor in parts["best"].items()} or None
    if parts["held_out"]:
        lane.held_out = Transitions(**{name: tensor.numpy() for name, tensor in parts["held_out"].items()})
    trainee.seconds = content["seconds"]
    trainee.curve = [CurvePoint(**point) for point in content["curve"]]
    lane.episodes = [EpisodeRecord(**record) for record in content["episodes"]]
    lane.iterations = [IterationRecord(**record) for record in content["iterations"]]
    keyframe = Keyframe(**content["keyframe"])
    if lane.recorder is not None:
        finished = parse_trace(files["training.trace"], path / "training.trace").episodes
        lane.recorder.continue_after(finished[: keyframe.episodes])
    lane.replay_decisions(keyframe, zlib.decompress(files["decisions.bin"]))
    emulated = {name: stream_state(lane.streams[name]) for name in keyframe.streams}
    stored = {name: content["streams"][name] for name in keyframe.streams}
    same = lane.step == content["step"] and lane.memory.rows_appended == content["rows_appended"]
    if not same or emulated != stored or sha256(lane.stack.tobytes()) != content["stack_sha256"]:
        raise ReplicationError(
            f"{path}: playing its decisions again ended elsewhere than it was saved; it comes from another version of "
            "the emulator or of this program: remove the folder to train from the start"
        )
    for name, stream in lane.streams.items():
        restore_stream(stream, content["streams"][name])


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
