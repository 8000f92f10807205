"""Checkpoints that a killed run continues from, exactly.

A checkpoint is a folder, written beside and renamed, whose manifest holds the digest of each file:

- `tensors.safetensors`: networks, optimiser, best network, held-out transitions, priorities of the replay memory;
- `lane.json`: counters, streams, records, and the keyframe from which the replay memory is played again;
- `decisions.bin`: one byte an agent step since that keyframe (zlib);
- `training.trace`: the finished training episodes, where they are the published quantity.

The frames of the replay memory are not stored: they follow from the keyframe and the decisions.
"""

from __future__ import annotations

import json
import shutil
import sys
import uuid
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from replication.evidence.scores import CurvePoint, EpisodeRecord, IterationRecord
from replication.evidence.state_files import checkpoints
from replication.evidence.trace_file import parse_trace, serialise_trace
from replication.foundation.errors import ReplicationError
from replication.foundation.files import part_of, plain, readable_json, rich, sha256, write_atomically
from replication.foundation.validation import Settings, validated
from replication.specification.run import Run
from replication.training.off_policy.lane import GAME_STREAMS, NO_DECISION
from replication.training.off_policy.lane_contract import Keyframe, Past
from replication.training.off_policy.trainee import Trainee
from replication.training.replay.priorities import check_state, state_kinds
from replication.training.replay.transitions import Transitions, array_kinds

VERSION = 1
KEPT = 2
"""Checkpoints on disk; the older one serves if the newer one is damaged."""

_Number = Annotated[int, Field(ge=0, lt=2**40)]


class _CannotBeReadError(ReplicationError):
    """A file that may well be whole but cannot be read: its checkpoint is not set aside."""


class _Manifest(Settings):
    """manifest.json."""

    version: int
    training_digest: str
    step: _Number
    sha256: dict[str, str]


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


@dataclass(frozen=True)
class _Stored:
    """The content of a checkpoint."""

    past: Past
    seconds: float
    curve: tuple[CurvePoint, ...]
    tensors: dict[str, Tensor]


def save_checkpoint(trainee: Trainee, folder: Path) -> Path:
    """Write a checkpoint of a lane between two steps, and drop all but the newest two.

    Returns: its folder.
    Raises:
        ReplicationError: it cannot be written; earlier checkpoints are untouched.
    """
    lane = trainee.lane
    final = folder / f"checkpoint_{lane.step:010d}"
    if final.exists():
        try:
            if _evaluations_stored(final, lane.run) == len(trainee.curve):
                return final  # else it was stored within the evaluation due at this step, which has since ended
        except ReplicationError as error:
            _set_aside(final, error)
    past = lane.past()
    files = {
        "tensors.safetensors": save({name: t.contiguous() for name, t in _tensors(trainee, past).items()}),
        "lane.json": readable_json(plain(_lane_content(trainee, past))),
        "decisions.bin": zlib.compress(past.decisions, 1),
    }
    if past.training is not None:
        files["training.trace"] = serialise_trace(past.training)
    manifest = {
        "version": VERSION,
        "training_digest": lane.run.training_digest,
        "step": lane.step,
        "sha256": {name: sha256(data) for name, data in files.items()},
    }
    beside, replaced = part_of(final), part_of(final)
    try:
        for name, data in files.items():
            write_atomically(beside / name, data)
        write_atomically(beside / "manifest.json", readable_json(manifest))
        if final.exists():
            final.rename(replaced)
        beside.rename(final)
        for old in checkpoint_folders(folder)[:-KEPT]:
            shutil.rmtree(old)
    except OSError as error:
        raise ReplicationError(
            f"{final}: could not be written ({error.strerror}); make room or allow writing there, then run again"
        ) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)
    return final


def checkpoint_folders(folder: Path) -> list[Path]:
    """List the checkpoints of a run, oldest first, without leftovers of interrupted writes."""
    return [path for _, path in checkpoints(folder)]


def restore_newest(trainee: Trainee, folder: Path, check: Callable[[], object] = lambda: None) -> int | None:
    """Continue a lane from its newest usable checkpoint, which must not lie beyond the run's budget.

    A damaged checkpoint is set aside: renamed, never deleted.

    Args: `check` is called again and again while the replay memory is played again; it may raise.
    Returns: the lane's step, or None where there is no checkpoint.
    Raises:
        ReplicationError: there are checkpoints, but none is whole and of this run; or a file cannot be read.
    """
    found = checkpoint_folders(folder)
    unplayable: list[tuple[Path, ReplicationError]] = []
    for path in reversed(found):
        try:
            stored = _decode(trainee, _read(path, trainee.lane.run), path)
        except _CannotBeReadError:
            raise
        except ReplicationError as error:
            _set_aside(path, error)
            continue
        try:
            _restore(trainee, stored, path, check)
        except ReplicationError as error:
            unplayable.append((path, error))
            continue
        for other, why in unplayable:
            _set_aside(other, why)
        return trainee.lane.step
    if unplayable:  # perhaps of another version of the emulator: they stay, for the version that wrote them
        raise unplayable[0][1]
    if found:
        raise ReplicationError(
            f"{folder}: no checkpoint is whole, they are set aside as damaged_*; put a whole one back under its name, "
            "or run again to train from the start"
        )
    return None


def _evaluations_stored(path: Path, run: Run) -> int:
    """Count the periodic evaluations in a checkpoint."""
    try:
        return len(json.loads(_read(path, run)["lane.json"])["curve"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ReplicationError(f"{path}/lane.json: not the record of a lane ({_reason(error)})") from None


def _set_aside(path: Path, why: ReplicationError) -> None:
    """Rename a damaged checkpoint, so that it is neither used nor lost."""
    print(f"warning: {why}; set aside", file=sys.stderr)
    try:
        path.rename(path.with_name(f"damaged_{path.name}_{uuid.uuid4().hex[:8]}"))
    except OSError as error:
        raise ReplicationError(f"{path}: cannot be set aside ({error.strerror}); allow writing there") from None


def _tensors(trainee: Trainee, past: Past) -> dict[str, Tensor]:
    named = dict(trainee.learner.tensors())
    named |= {f"best.{name}": tensor for name, tensor in (trainee.best or {}).items()}
    held_out = trainee.lane.held_out
    if held_out is not None:
        arrays = {name: array for name, array in held_out._asdict().items() if array.size}
        named |= {f"held_out.{name}": torch.from_numpy(array) for name, array in arrays.items()}
    return named | {f"priorities.{name}": torch.from_numpy(array) for name, array in (past.priorities or {}).items()}


def _lane_content(trainee: Trainee, past: Past) -> dict[str, Any]:
    return {
        "step": past.step,
        "seconds": trainee.seconds,
        "rows_appended": past.rows_appended,
        "stack_sha256": past.stack_sha256,
        "streams": past.streams,
        "episodes": [asdict(record) for record in past.episodes],
        "iterations": [asdict(record) for record in past.iterations],
        "curve": [asdict(point) for point in trainee.curve],
        "keyframe": asdict(past.keyframe),
    }


def _read(path: Path, run: Run) -> dict[str, bytes]:
    """Read all files of a checkpoint and check them against its manifest."""
    names = {"tensors.safetensors", "lane.json", "decisions.bin"}
    if run.publishes_training:
        names.add("training.trace")
    place = path / "manifest.json"
    try:
        manifest = validated(_Manifest, json.loads(_read_bytes(place)), place)
    except (ValueError, RecursionError) as error:
        raise ReplicationError(f"{place}: not readable as JSON ({_reason(error)})") from None
    if manifest.version != VERSION:
        raise ReplicationError(f"{place}: version: found {manifest.version}, this program reads {VERSION}")
    if manifest.training_digest != run.training_digest:
        raise ReplicationError(f"{place}: training_digest: another run's ({manifest.training_digest[:12]!r})")
    if set(manifest.sha256) != names:
        raise ReplicationError(f"{place}: sha256: found {sorted(manifest.sha256)}, expected {sorted(names)}")
    files = {name: _read_bytes(path / name) for name in sorted(names)}
    for name, data in files.items():
        if sha256(data) != manifest.sha256[name]:
            raise ReplicationError(f"{path}/{name}: its digest is not the manifest's; the file is damaged")
    return files


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise ReplicationError(f"{path}: missing; not a whole checkpoint") from None
    except OSError as error:
        raise _CannotBeReadError(f"{path}: cannot be read ({error.strerror}); allow it, then run again") from None


def _decode(trainee: Trainee, files: dict[str, bytes], path: Path) -> _Stored:
    """Decode the files of a checkpoint, and check all that can be checked without playing."""
    lane, where = trainee.lane, path / "lane.json"
    try:
        content = validated(_LaneContent, json.loads(files["lane.json"]), where)
        keyframe = replace(content.keyframe, game=rich(content.keyframe.game))
    except (ValueError, TypeError, RecursionError) as error:
        raise ReplicationError(f"{where}: not the record of a lane ({_reason(error)})") from None
    for found, expected in ((content.streams, set(lane.streams)), (keyframe.streams, set(GAME_STREAMS))):
        if set(found) != expected:
            raise ReplicationError(f"{where}: streams: found {sorted(found)}, expected {sorted(expected)}")
    try:
        tensors = load(files["tensors.safetensors"])
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ReplicationError(f"{path}/tensors.safetensors: not readable ({_reason(error)})") from None
    _check_tensors(trainee, tensors, path / "tensors.safetensors")
    priorities = {name: tensor.numpy() for name, tensor in _under("priorities", tensors).items()}
    if priorities:
        try:
            check_state(priorities)
        except ReplicationError as error:
            raise ReplicationError(f"{path}/tensors.safetensors: priorities: {error}") from None
    steps = content.step - keyframe.step
    try:
        unpacking = zlib.decompressobj()
        decisions = unpacking.decompress(files["decisions.bin"], max(1, steps + 1))
        whole = unpacking.eof and len(decisions) == steps
    except zlib.error:
        whole, decisions = False, b""
    if not whole or not set(decisions) <= {NO_DECISION, *range(lane.num_actions)}:
        raise ReplicationError(
            f"{path}/decisions.bin: found no {steps} decisions, expected one a step since its keyframe"
        )
    training = None
    if lane.run.publishes_training:
        training = parse_trace(files["training.trace"], path / "training.trace")
    past = Past(
        step=content.step,
        rows_appended=content.rows_appended,
        stack_sha256=content.stack_sha256,
        streams=content.streams,
        episodes=content.episodes,
        iterations=content.iterations,
        training=training,
        keyframe=keyframe,
        decisions=decisions,
        priorities=priorities or None,
    )
    return _Stored(past, content.seconds, content.curve, tensors)


def _check_tensors(trainee: Trainee, tensors: dict[str, Tensor], path: Path) -> None:
    """Check that tensors have this lane's names, types and shapes; best network and held-out ones may be absent."""
    lane, learner = trainee.lane, trainee.learner
    expected = {name: _kind(tensor) for name, tensor in learner.tensors().items()}
    if _under("best", tensors):
        expected |= {f"best.{name}": _kind(tensor) for name, tensor in learner.online.state_dict().items()}
    if _under("held_out", tensors):
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


def _restore(trainee: Trainee, stored: _Stored, path: Path, check: Callable[[], object]) -> None:
    """Bring a lane to where it was stored; what an earlier attempt left in it is overwritten."""
    lane, learner = trainee.lane, trainee.learner
    with torch.no_grad():
        for name, tensor in learner.tensors().items():
            tensor.copy_(stored.tensors[name])
    parts = {part: _under(part, stored.tensors) for part in ("best", "held_out")}
    trainee.best = {name: tensor.to(learner.device) for name, tensor in parts["best"].items()} or None
    held_out = {name: tensor.numpy() for name, tensor in parts["held_out"].items()}
    lane.held_out = Transitions(**held_out) if held_out else None
    trainee.seconds = stored.seconds
    trainee.curve = list(stored.curve)
    try:
        lane.restore(stored.past, check)
    except ReplicationError as error:
        raise ReplicationError(f"{path}: {error}") from None


def _reason(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _under(part: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{part}."): t for name, t in tensors.items() if name.startswith(f"{part}.")}
