"""The record of a finished run, run.json: sealing, writing, reading, checking. No other module parses one.

It needs neither torch nor pandas.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from replication.foundation.errors import ReplicationError
from replication.foundation.files import canonical_json, readable_json, sha256, write_atomically
from replication.specification.digests import record_digests
from replication.specification.families.facts import Evidence
from replication.specification.run import Run, resolve_run
from replication.specification.seeds import Seeds

FORMAT = 1
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

_Claims = TypeVar("_Claims")


def write(folder: Path, record: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    """Write the files of a finished run and, last of all, run.json: the record with their digests and its seal.

    Raises:
        ReplicationError: the disk is full, or the folder cannot be written.
    """
    for name, data in files.items():
        write_atomically(folder / name, data)
    digests = {name: sha256(data) for name, data in files.items()}
    write_atomically(folder / "run.json", sealed_record({**record, "files": digests}))


def sealed_record(record: Mapping[str, Any]) -> bytes:
    """Return the bytes of run.json: the record with the SHA-256 of all its other entries."""
    content = {name: value for name, value in record.items() if name != "seal"}
    return readable_json(content | {"seal": sha256(canonical_json(content))})


def read(folder: Path) -> dict[str, Any]:
    """Read the record of a run and check its seal, its settings, its place and the files beside it.

    Raises:
        ReplicationError: a file is missing or damaged, or the settings were changed.
    """
    record, claims = read_sealed(folder, "the record of a run", FORMAT, _claims)
    path = folder / "run.json"
    if claims.missing:
        raise _broken_seal(path)
    for name, (found, derived) in claims.digests.items():
        if found != derived:
            raise ReplicationError(
                f"{path}: {name}: found {str(found)[:12]}, its settings give {derived[:12]}: they were changed"
            )
    check_place(folder, claims.place)
    check_files(folder, claims.files, ADDED_LATER)
    return record


class _RunClaims(NamedTuple):
    """The claims of a record about its run, to be checked."""

    digests: dict[str, tuple[Any, str]]
    """Each as the record has it and as its settings give it."""
    place: tuple[str, ...]
    files: dict[str, str]
    missing: set[str]
    """Entries that every record has."""


def _claims(record: dict[str, Any]) -> _RunClaims:
    training, result = record_digests(record)
    return _RunClaims(
        {
            "training_digest": (record["training_digest"], training),
            "result_digest": (record["result_digest"], result),
        },
        (str(record["variant"]), task_name(record), _seeds(record), result[:12]),
        {str(name): str(digest) for name, digest in record["files"].items()},
        {"score", "provenance"} - set(record),
    )


def task_name(record: Mapping[str, Any]) -> str:
    """Return the name of the task that a record is of; those of Atari call it a game."""
    return str(record["game"] if "game" in record else record["task"])


def state_place(record: Mapping[str, Any]) -> Path:
    """Return the folder of a run's state of training, below the root of all states."""
    return Path(str(record["variant"]), task_name(record), _seeds(record), str(record["training_digest"])[:12])


def _seeds(record: Mapping[str, Any]) -> str:
    """Return the folder of the seed, or of the seeds of a bundle."""
    if "seeds" not in record:
        return f"seed{record['seed']}"
    first, count = record["seeds"]["first"], record["seeds"]["count"]
    return f"seeds{Seeds(first, first + count - 1)}"


def evidence_of(record: Mapping[str, Any]) -> Evidence:
    """Return the evidence grade of a record; one older than the grades holds what the emulator was given."""
    return record.get("evidence", "inputs")  # type: ignore[no-any-return]


def read_sealed(
    folder: Path, kind: str, format_version: int, claims: Callable[[dict[str, Any]], _Claims]
) -> tuple[dict[str, Any], _Claims]:
    """Read a record of one kind and check its format and its seal.

    Args:
        folder: holds run.json.
        kind: names the record in messages ("the record of a run").
        format_version: the one that this program reads.
        claims: takes from the record what its reader checks; fails with a KeyError, TypeError, ValueError or
            AttributeError where the record is of another kind.

    Returns: the record and its claims.
    Raises:
        ReplicationError: the file cannot be read, is of another kind or format, or was changed since it was sealed.
    """
    path = folder / "run.json"
    try:
        data = path.read_bytes()
        record: dict[str, Any] = json.loads(data)
        if record["format"] != format_version:
            raise ReplicationError(f"{path}: format: found {record['format']}, this program reads {format_version}")
        sealed = sealed_record(record)
        claimed = claims(record)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise ReplicationError(f"{path}: not {kind} ({reason}); fetch it again") from None
    if data != sealed:
        raise _broken_seal(path)
    return record, claimed


def _broken_seal(path: Path) -> ReplicationError:
    return ReplicationError(f"{path}: seal: its entries do not give the digest it ends with; fetch it again")


def check_place(folder: Path, place: tuple[str, ...]) -> None:
    """Check that a record lies in the folder that its settings name.

    Raises:
        ReplicationError: it lies elsewhere.
    """
    if folder.resolve().parts[-len(place) :] != place:
        path = folder / "run.json"
        raise ReplicationError(f"{path}: lies in {folder}, expected a folder that ends in {'/'.join(place)}")


def check_files(folder: Path, expected: Mapping[str, str], added_later: Set[str] = frozenset()) -> None:
    """Check the files beside a record against the digests it has of them.

    Args:
        folder: of the record.
        expected: SHA-256 of each file, by name.
        added_later: names that may lie there too.

    Raises:
        ReplicationError: the first file by name that is missing, changed or not named.
    """
    found = {file.name for file in folder.iterdir()} - {"run.json"} - added_later
    for name in sorted(found | set(expected)):
        if name not in found:
            raise ReplicationError(f"{folder / name}: missing, run.json names it; fetch it again")
        if name not in expected:
            raise ReplicationError(f"{folder / name}: run.json does not name it; remove it")
        if sha256((folder / name).read_bytes()) != expected[name]:
            raise ReplicationError(f"{folder / name}: its digest is not the one in run.json; fetch it again")


def read_or_none(run: Run, results: Path) -> dict[str, Any] | None:
    """Read the record of a run, or return None where the run is not finished.

    Raises:
        ReplicationError: the file is no run record, or that of another run.
    """
    made = finished_as(run, results)
    if made is None:
        return None
    path = made.results_folder(results) / "run.json"
    try:
        data = path.read_bytes()
        record = json.loads(data)
        found = record["result_digest"]
        whole = data == sealed_record(record)
    except OSError as error:
        raise ReplicationError(f"{path}: cannot be read ({error.strerror}); allow reading it") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else error
        raise ReplicationError(f"{path}: not a run record ({reason}); remove {path.parent} to make it again") from None
    if found != made.record_digest:
        text = found[:12] if isinstance(found, str) and found.isalnum() else repr(found)[:40]
        raise ReplicationError(
            f"{path}: result_digest: found {text}, expected {made.record_digest[:12]}; the results of "
            "another run: move them away"
        )
    if not whole:
        raise ReplicationError(
            f"{path}: seal: its entries do not give the digest it holds, the file was changed; remove {path.parent} to "
            "make it again"
        )
    return dict(record)


def read_unchecked(folder: Path) -> dict[str, Any]:
    """Read the record in a folder as it is, for an estimate or a status line: nothing of it is checked.

    Raises:
        OSError, ValueError: it cannot be read; it is no JSON.
    """
    record: dict[str, Any] = json.loads((folder / "run.json").read_bytes())
    return record


def readable_records(folders: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """Yield the records that can be read, unchecked, and pass over the others: an estimate can do without them."""
    for folder in folders:
        try:
            yield read_unchecked(folder)
        except (OSError, ValueError):
            continue  # the run it belongs to is refused where it is used


def finished_folders(folders: Iterable[Path]) -> list[Path]:
    """Choose the folders that hold a record, in order; an empty folder is passed over.

    Raises:
        ReplicationError: files lie where the record is missing.
    """
    finished = []
    for folder in sorted(path for path in folders if path.is_dir()):
        if (folder / "run.json").exists():
            finished.append(folder)
        elif any(folder.iterdir()):
            raise ReplicationError(f"{folder}: found no run.json: an interrupted run; finish it, or remove the folder")
    return finished


def finished_as(run: Run, results: Path) -> Run | None:
    """Return the run as it was made, by present code or by earlier code of the same law; None where it is not finished.

    Its `results_folder` holds the files; those of `run` itself may lack them.
    """
    return next((made for made in (run, *run.earlier()) if (made.results_folder(results) / "run.json").exists()), None)


def finished_folder(run: Run, results: Path) -> Path:
    """Return the folder of the small files of a run, there or not."""
    return (finished_as(run, results) or run).results_folder(results)


def record_path(run: Run, results: Path) -> Path:
    """Return the file that says a run is finished: it is written last."""
    return finished_folder(run, results) / "run.json"


def made_by_other_code(run: Run, results: Path) -> Path | None:
    """Find a record that is this run's but for the algorithm's code; None where there is none."""
    identity = json.loads(canonical_json(run.record_identity()))  # as a file has it: lists for tuples
    budget = identity.pop("budget")
    code = identity.pop("code", None)
    for path in sorted(run.results_folder(results).parent.glob("*/run.json")):
        for record in readable_records([path.parent]):
            same = all(record.get(name) == value for name, value in identity.items())
            if same and record.get("code") != code and budget.items() <= dict(record.get("budget", {})).items():
                return path.parent
    return None


def unfinished(runs: Iterable[Run], results: Path) -> list[Run]:
    """List the runs that have no record yet, of the present numerics version or of an earlier one of the same law.

    Raises:
        ReplicationError: a record that is there is not its run's.
    """
    finished: dict[str, bool] = {}  # by record, which the runs of a bundle share
    for run in (runs := list(runs)):
        if run.record_digest not in finished:
            finished[run.record_digest] = read_or_none(run, results) is not None
    return [run for run in runs if not finished[run.record_digest]]


def run_of_folder(folder: Path) -> Run:
    """Find the run whose results lie in a folder, of the present numerics version or an earlier one of the same law.

    Returns: the run; of a bundle the first.
    Raises:
        ReplicationError: the record is damaged, or neither the settings in workflow/ nor the law are the run's.
    """
    record = read(folder)
    length, bundle = record["budget"], None
    if "seeds" in record:
        bundle = Seeds(record["seeds"]["first"], record["seeds"]["first"] + record["seeds"]["count"] - 1)
    frames = length.get("steps", 0) * record["protocol_settings"]["training"]["frame_skip"] if "game" in record else 0
    run = resolve_run(
        variant=record["variant"],
        task=task_name(record),
        seed=bundle.first if bundle else record["seed"],
        seeds=bundle,
        protocol=record["protocol"],
        preset=record["preset"],
        budget_frames=frames or None,
        budget_steps=None if "game" in record else length.get("steps"),
        budget_iterations=length.get("iterations") or None,
        budget_episodes=length.get("episodes"),
        budget_sweeps=length.get("sweeps"),
    )
    for made in (run, *run.earlier()):
        if made.record_digest == record["result_digest"]:
            return made
    if record.get("code") != run.record_identity().get("code"):
        raise ReplicationError(
            f"{folder}/run.json: {run.variant.source.name} has changed since this run was made: its code has digest "
            f"{run.variant.code}, the run's had {record['provenance'].get('code', 'another')}; put the file back as it "
            "was, or make the run again"
        )
    if record.get("task_content") != run.record_identity().get("task_content"):
        raise ReplicationError(
            f"{folder}/run.json: task {run.task.name} has changed since this run was made: it is another world now; "
            "put it back as it was, or make the run again"
        )
    version = record["numerics_version"]
    numbers = f" with numerics version {run.numerics_version}, it has {version}" * (version != run.numerics_version)
    raise ReplicationError(
        f"{folder}/run.json: result_digest: found {record['result_digest'][:12]}, its settings in workflow/ give "
        f"{run.record_digest[:12]}{numbers}: check it with the commit it was made with"
    )
