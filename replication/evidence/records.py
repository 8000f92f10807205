"""What lies on disk of a run, read without torch or pandas: its record, its failure, how far its checkpoints go."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from replication.foundation.errors import ReplicationError
from replication.foundation.files import canonical_json, readable_json, sha256
from replication.specification.run import Run, record_digests, resolve_run

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


FORMAT = 1


def finished_as(run: Run, results: Path) -> Run | None:
    """The run as it was made: with the present numerics version, or an earlier one of the same law; None: not yet.

    Whoever reads what a finished run left asks here where that lies.
    """
    return next((made for made in (run, *run.earlier()) if _record(made, results).exists()), None)


def finished_folder(run: Run, results: Path) -> Path:
    """Where the small files of a run lie, or will."""
    return (finished_as(run, results) or run).results_folder(results)


def record_path(run: Run, results: Path) -> Path:
    """The file that says a run is finished: it is written last."""
    return finished_folder(run, results) / "run.json"


def _record(run: Run, results: Path) -> Path:
    return run.results_folder(results) / "run.json"


def read_record(run: Run, results: Path) -> dict[str, Any] | None:
    """The record of a finished run; None where it is not finished.

    Raises:
        ReplicationError: the file is no run record, or that of another run.
    """
    made = finished_as(run, results)
    if made is None:
        return None
    path = _record(made, results)
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
    if found != made.result_digest:
        text = found[:12] if isinstance(found, str) and found.isalnum() else repr(found)[:40]
        raise ReplicationError(
            f"{path}: result_digest: found {text}, expected {made.result_digest[:12]}; the results of "
            "another run: move them away"
        )
    if not whole:
        raise ReplicationError(
            f"{path}: seal: its entries do not give the digest it holds, the file was changed; remove {path.parent} to "
            "make it again"
        )
    return dict(record)


def sealed_record(record: Mapping[str, Any]) -> bytes:
    """The bytes of run.json: the record with the SHA-256 of all its other entries."""
    content = {name: value for name, value in record.items() if name != "seal"}
    return readable_json(content | {"seal": sha256(canonical_json(content))})


def unfinished(runs: Iterable[Run], results: Path) -> list[Run]:
    """The runs that have no record yet, of the present numerics version or of an earlier one of the same law.

    Raises:
        ReplicationError: a record that is there is not its run's.
    """
    return [run for run in runs if read_record(run, results) is None]


def checkpoint_step(run: Run, state: Path) -> int:
    """Agent steps that the newest checkpoint of a run has behind it; 0 where there is none."""
    return max((step for step, _ in checkpoints(run.state_folder(state))), default=0)


def checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """Step and place of each checkpoint in a run's state, oldest first; leftovers of interrupted writes are none."""
    named = [(path.name.removeprefix("checkpoint_"), path) for path in folder.glob("checkpoint_*")]
    return sorted((int(step), path) for step, path in named if step.isascii() and step.isdigit())


def network_path(run: Run, state: Path) -> Path:
    """Where the network that the final evaluation played lies."""
    return run.state_folder(state) / f"evaluated_{run.result_digest[:12]}.safetensors"


def activations_path(run: Run, state: Path) -> Path:
    """Where training leaves the activations of its final evaluation."""
    return run.state_folder(state) / f"activations_{run.result_digest[:12]}.npz"


def lacks_views(run: Run, results: Path, state: Path) -> bool:
    """Whether a finished run was made here and not all was made of it that `embed` and `film` make."""
    wanted = ["embedding.csv", "embedding_screens.csv", "clip.webp"]
    if network_path(run, state).exists():
        wanted += ["value_stretch.csv", "embedding_policies.csv"]
    folder = finished_folder(run, results)
    return activations_path(run, state).exists() and not all((folder / name).exists() for name in wanted)


def failure_path(run: Run, state: Path) -> Path:
    """The file that says a run cannot go on, beside its checkpoints."""
    return run.state_folder(state) / "failed.json"


def read_failure(run: Run, state: Path) -> dict[str, Any] | None:
    """Why a run stopped for good (`reason`, `checkpoint_step`); None where it did not.

    Raises:
        ReplicationError: the file is not such a record.
    """
    path = failure_path(run, state)
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_bytes())
        reason = " ".join(str(record["reason"]).split())
        return {"reason": reason, "checkpoint_step": int(record["checkpoint_step"])}
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError, OSError) as error:
        raise ReplicationError(f"{path}: not a record of a failure ({error}); remove it to go on") from None


def run_of_folder(folder: Path) -> Run:
    """The run whose results lie in a folder, of the present numerics version or of an earlier one of the same law.

    Raises:
        ReplicationError: the record is damaged, or neither the settings in workflow/ nor the law are the run's.
    """
    record = read_run_record(folder)
    steps, iterations = record["budget"]["steps"], record["budget"]["iterations"]
    run = resolve_run(
        variant=record["variant"],
        game=record["game"],
        seed=record["seed"],
        protocol=record["protocol"],
        preset=record["preset"],
        budget_frames=steps * record["protocol_settings"]["training"]["frame_skip"] or None,
        budget_iterations=iterations or None,
    )
    for made in (run, *run.earlier()):
        if made.result_digest == record["result_digest"]:
            return made
    version = record["numerics_version"]
    numbers = f" with numerics version {run.numerics_version}, it has {version}" * (version != run.numerics_version)
    raise ReplicationError(
        f"{folder}/run.json: result_digest: found {record['result_digest'][:12]}, its settings in workflow/ give "
        f"{run.result_digest[:12]}{numbers}: check it with the commit it was made with"
    )
