"""The inventory of a state folder: every checkpoint and other leftover, whose it is, and whether it can go.

A state folder holds digests, not settings. Whose a folder is follows from the records of finished runs, and from the
digests that the settings in workflow/ give. It needs neither torch nor pandas.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any

from replication.evidence.records import read_unchecked
from replication.evidence.state_files import LIVE, checkpoints, failure_in
from replication.foundation.errors import ReplicationError
from replication.foundation.locks import is_held
from replication.specification.budget import Budget
from replication.specification.loading import known_names, load_preset, load_protocol, load_variant, variant_path
from replication.specification.run import Run
from replication.specification.tasks.registry import find_task

LOCK = "lock"
WATCHED = "watch"
"""Beginning of the names of the pages that `watch` keeps in the root of a state."""
_DIGEST = re.compile(r"[0-9a-f]{12}")
_SEEDS = re.compile(r"seed(\d+)|seeds(\d+)-\d+")


class Fate(Enum):
    """What may become of an item; the value says it in a list."""

    GOES = "can go"
    NAMED = "kept unless named"
    """It goes only where it is named: nobody needs it, as far as can be known, but it cannot be made again at once."""
    STAYS = "kept"


@dataclass(frozen=True)
class Item:
    """A checkpoint or another leftover in a state folder."""

    path: Path
    size_bytes: int
    changed: float
    """Moment of its last change, in seconds of the epoch."""
    fate: Fate
    why: str


@dataclass(frozen=True)
class _Standing:
    """What is known of the run that a folder belongs to."""

    fate: Fate
    """Of its checkpoints."""
    why: str
    is_finished: bool = False
    """True where it has a record; it may have been continued beyond that."""


def stored_items(state: Path, results: Path) -> Iterator[Item]:
    """Yield every item of a state folder, folder by folder.

    Args:
        state: root of the state; it may be missing.
        results: root of the results that the records lie in.

    Raises:
        ReplicationError: a lock cannot be looked at.
    """
    for variant in _entries(state):
        for task in _entries(variant):
            for seeds in _entries(task):
                if not _SEEDS.fullmatch(seeds.name):
                    yield _item(seeds, *_FOREIGN)
                    continue
                for folder in _entries(seeds):
                    if _DIGEST.fullmatch(folder.name) and folder.is_dir():
                        yield from items_of_run(folder, state, results)
                    else:
                        yield _item(folder, *_FOREIGN)
            if not task.is_dir():
                measured = task.name == "speed.json"
                yield _item(task, *((Fate.STAYS, "speed measured here, which plans read") if measured else _FOREIGN))
        if not variant.is_dir():
            is_page = variant.name.startswith(WATCHED) and variant.suffix == ".html"
            yield _item(variant, *(_PAGE if is_page else _FOREIGN))


_FOREIGN = (Fate.NAMED, "not known: no file that training writes")
_PAGE = (Fate.GOES, "a page that `watch` kept; it is made again")


def items_of_run(folder: Path, state: Path, results: Path, *, ours: bool = False) -> Iterator[Item]:
    """Yield every item in the folder of one run, but its lock.

    Args:
        folder: below `state`.
        state: root of the state.
        results: root of the results.
        ours: this process holds the lock of the run, so nobody trains it.
    """
    if not ours and is_held(folder / LOCK):
        standing = _Standing(Fate.STAYS, "running")
    else:
        standing = _standing(folder, state, results)
    for path in _entries(folder):
        if path.name != LOCK:
            yield _item(path, *_fate(path, standing))


def _fate(path: Path, standing: _Standing) -> tuple[Fate, str]:
    """Judge one item of a run: what may become of it, and why."""
    name = path.name
    if standing.fate is Fate.STAYS and standing.why == "running":
        return standing.fate, standing.why
    if name.startswith(".") and name.endswith(".part"):
        return Fate.GOES, "half written by a process that was killed"
    done = standing.fate is Fate.GOES
    if name == LIVE:
        return standing.fate, f"what `watch` shows; {standing.why}"
    if name.startswith("damaged_"):
        return (Fate.GOES if done else Fate.NAMED), f"damaged, set aside; {standing.why}"
    if name.startswith("checkpoint_"):
        if defect := checkpoint_defect(path):
            return (Fate.GOES if done else Fate.NAMED), f"damaged: {defect}; {standing.why}"
    elif standing.is_finished and name != "unfinished_evaluation.json":
        reader = _READERS.get(name.split("_")[0])
        return Fate.NAMED, f"finished, but {reader} reads it" if reader else _FOREIGN[1]
    return standing.fate, standing.why


_READERS = {"evaluated": "`verify --policy`", "activations": "`embed`", "evaluations": "`film`"}
"""What else is in the folder of a finished run, by how its name begins, and the command that reads it."""


def checkpoint_defect(path: Path) -> str | None:
    """Say what is plainly wrong with a checkpoint, its digests left unread; None: nothing."""
    try:
        named = json.loads((path / "manifest.json").read_bytes())["sha256"]
        missing = [name for name in named if not (path / name).is_file()]
    except FileNotFoundError:
        return "manifest.json is missing"
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "manifest.json is not readable"
    return f"{missing[0]} is missing" if missing else None


def _standing(folder: Path, state: Path, results: Path) -> _Standing:
    """Find out about the run that a folder belongs to."""
    place = folder.relative_to(state)
    variant, task, seeds, digest = place.parts
    newest = max((step for step, _ in checkpoints(folder)), default=0)
    found = [(path, record) for path, record in _records(results / "runs" / place.parent) if _is_of(record, digest)]
    if found:
        steps = [_steps(record) for _, record in found]
        longest = max((number for number in steps if number is not None), default=newest)
        if newest > longest:  # the older checkpoint serves if the newer one is damaged: both stay
            beyond = f"unfinished: goes on from step {newest:,}, beyond its record of {longest:,}"
            return _Standing(Fate.STAYS, beyond, is_finished=True)
        return _Standing(Fate.GOES, f"finished: its record is in {found[-1][0]}", is_finished=True)
    manifest = _newest_manifest(folder)
    try:
        versions, code = _known(variant, task, seeds)
    except ReplicationError as error:
        if not variant_path(variant.split("+")[0]).is_file():
            return _Standing(Fate.NAMED, f"unknown variant: its YAML {variant_path(variant.split('+')[0])} is not here")
        return _Standing(Fate.NAMED, f"not known: {error}")
    bundled = "-" in seeds  # named after its budget too, which nothing here knows
    version = versions.get(str(manifest.get("training_digest"))[:12] if bundled else digest)
    if version is None:
        other = manifest.get("code") not in (None, code)
        return _Standing(
            Fate.NAMED,
            f"of other code of {variant}: goes on only with that"
            if other
            else f"of other settings of {variant}, or of a later numerics version: goes on only with those",
        )
    if version:
        return _Standing(Fate.GOES, f"of numerics version {version}: no code here can continue it")
    try:
        failure = failure_in(folder)
    except ReplicationError as error:
        return _Standing(Fate.NAMED, str(error))
    if failure is not None:
        return _Standing(Fate.NAMED, f"failed, its last checkpoint is of step {newest:,}: {failure['reason']}")
    return _Standing(
        Fate.STAYS, f"unfinished: goes on {f'after {newest:,} seeds' if bundled else f'from step {newest:,}'}"
    )


def _records(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the records of one variant, task and seed that can be read; by one that cannot, no run is finished."""
    for path in sorted(folder.glob("*/run.json")):
        with suppress(OSError, ValueError):
            record = read_unchecked(path.parent)
            if isinstance(record, dict):
                yield path.parent, record


def _is_of(record: dict[str, Any], digest: str) -> bool:
    """Return whether a record is of the training, or in a bundle of the record, whose state has this digest."""
    key = "result_digest" if "seeds" in record else "training_digest"
    return str(record.get(key))[:12] == digest


def _steps(record: dict[str, Any]) -> int | None:
    counts = record.get("counts")
    steps = counts.get("steps") if isinstance(counts, dict) else None
    return steps if isinstance(steps, int) else None


def _newest_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of the newest checkpoint that has one; empty where none has."""
    for _, path in reversed(checkpoints(folder)):
        with suppress(OSError, ValueError, RecursionError):
            manifest = json.loads((path / "manifest.json").read_bytes())
            if isinstance(manifest, dict):
                return manifest
    return {}


@lru_cache(maxsize=1_000)
def _known(variant: str, task: str, seeds: str) -> tuple[dict[str, int], str | None]:
    """Return the training digests (12 digits) that the settings here give, and the digest of the algorithm's code.

    Returns: each digest with its numerics version where that is an earlier one, else 0.
    Raises:
        ReplicationError: the variant's YAML or the task is not here, or bad.
    """
    loaded = load_variant(variant)
    numbers = _SEEDS.fullmatch(seeds)
    assert numbers is not None
    seed, played = int(numbers[1] or numbers[2]), find_task(task)
    found: dict[str, int] = {}
    for preset in [None, *map(load_preset, known_names("presets"))]:
        for name in known_names("protocols"):
            try:
                protocol, scaled = load_protocol(name, preset), load_variant(variant, preset)
            except ReplicationError:
                continue  # the preset is for others
            if protocol.kind == played.kind:
                for version in range(loaded.facts.numerics_version):
                    run = Run(scaled, protocol, played, seed, preset, Budget(), earlier_version=version or None)
                    found[run.training_digest[:12]] = version
    return found, loaded.code


def _item(path: Path, fate: Fate, why: str) -> Item:
    """Measure a file or folder; what vanishes meanwhile has no size."""
    size_bytes, changed = 0, 0.0
    for each in (path, *(path.rglob("*") if path.is_dir() else ())):
        with suppress(FileNotFoundError):
            found = each.lstat()
            changed = max(changed, found.st_mtime)
            size_bytes += 0 if each.is_dir() else found.st_size
    return Item(path, size_bytes, changed, fate, why)


def _entries(folder: Path) -> list[Path]:
    """List what lies in a folder, in order; empty where it is none, or vanishes meanwhile."""
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ReplicationError(f"{folder}: cannot be read ({error.strerror}); allow reading it") from None
