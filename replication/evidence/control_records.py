"""The files of a variant's repetitions: one for each that is finished, and the small files when all are.

results/control/EXPERIMENT/VARIANT/DIGEST/ holds run.json (written last: the variant is finished when it is there),
repetitions.csv (a repetition a row) and networks.safetensors (their weights, in the same order).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from replication.evidence import records
from replication.foundation.errors import ReplicationError
from replication.foundation.files import csv_bytes, plain, rich, write_atomically
from replication.specification.control_experiments import ControlExperiment, identity_digest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = 1
REPETITIONS, NETWORKS = "repetitions.csv", "networks.safetensors"


@dataclass(frozen=True)
class Repetition:
    """One repetition, as it is kept.

    weights: of the learned network, float64 [56].
    transitions: it learned from.
    balanced_cycles: of each test episode, int64 [episodes].
    """

    training_episodes: int
    repetition: int
    weights: NDArray[np.float64]
    transitions: int
    balanced_cycles: NDArray[np.int64]

    def row(self, cycles: int) -> dict[str, Any]:
        """Return its row of repetitions.csv; an episode of so many cycles was balanced to its end.

        Source: Riedmiller 2005, caption of Table 1: a controller is successful that balanced the pole for all the test
            cases for the maximum time.
        """
        return {
            "training_episodes": self.training_episodes,
            "repetition": self.repetition,
            "transitions": self.transitions,
            "successful": "yes" if bool((self.balanced_cycles == cycles).all()) else "no",
            "test_episodes_balanced": int((self.balanced_cycles == cycles).sum()),
            "least_balanced_cycles": int(self.balanced_cycles.min()),
            "mean_balanced_cycles": float(self.balanced_cycles.sum()) / self.balanced_cycles.size,
        }


def repetition_path(experiment: ControlExperiment, variant: str, episodes: int, repetition: int, state: Path) -> Path:
    """Return where a finished repetition is kept until all of its variant are finished."""
    folder = state / "control" / experiment.experiment / variant / experiment.digest(variant)[:12]
    return folder / f"{episodes}_episodes_{repetition}.json"


def store_repetition(found: Repetition, path: Path, seconds: float) -> None:
    """Write a finished repetition, whole or not at all."""
    content = {
        "training_episodes": found.training_episodes,
        "repetition": found.repetition,
        "transitions": found.transitions,
        "weights": found.weights,
        "balanced_cycles": found.balanced_cycles,
        "seconds": round(seconds, 3),
    }
    write_atomically(path, records.sealed_record(plain(content)))


def read_repetition(path: Path) -> tuple[Repetition, float] | None:
    """Read a finished repetition and the seconds it took; None where it is not finished.

    Raises:
        ReplicationError: the file is damaged.
    """
    if not path.exists():
        return None
    try:
        data = path.read_bytes()
        content = json.loads(data)
        if data != records.sealed_record(content):
            raise ValueError("its entries do not give the digest it holds")
        seconds = float(content.pop("seconds"))
        content.pop("seal")
        return Repetition(**rich(content)), seconds
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise ReplicationError(f"{path}: no finished repetition ({reason}); remove it to make it again") from None


def write_variant(
    experiment: ControlExperiment,
    variant: str,
    found: Sequence[Repetition],
    results: Path,
    facts: Mapping[str, Any],
) -> Path:
    """Write the small files of a variant whose repetitions are all finished, run.json last.

    Args:
        experiment: whose variant it is.
        variant: its name.
        found: every repetition, in the order of the experiment's training episodes.
        results: root of the results.
        facts: what else run.json records (cost, provenance).

    Returns: the folder.
    """
    import numpy as np
    from safetensors.numpy import save

    folder = experiment.folder(variant, results)
    rows = [repetition.row(experiment.method_of(variant).test.cycles) for repetition in found]
    files = {
        REPETITIONS: csv_bytes(rows),
        NETWORKS: save({"weights": np.stack([repetition.weights for repetition in found])}),
    }
    record = experiment.identity(variant) | {
        "format": FORMAT,
        "variant": variant,
        "title": experiment.variants[variant].title,
        "result_digest": experiment.digest(variant),
        "details": [detail.model_dump() for detail in experiment.details],
        "changes": experiment.variants[variant].changes,
        **facts,
    }
    records.write(folder, record, files)
    return folder


def read_variant(experiment: ControlExperiment, variant: str, results: Path) -> dict[str, Any] | None:
    """Read the record of a variant, or return None where the variant is not finished.

    Raises:
        ReplicationError: a file is damaged, missing or that of other settings.
    """
    folder = experiment.folder(variant, results)
    if not (folder / "run.json").exists():
        return None
    record = read_record(folder)
    if record["result_digest"] != experiment.digest(variant):
        raise ReplicationError(
            f"{folder}/run.json: result_digest: found {record['result_digest'][:12]}, expected "
            f"{experiment.digest(variant)[:12]}; the results of other settings: move them away"
        )
    return record


def read_record(folder: Path) -> dict[str, Any]:
    """Read the record of a variant and check its seal, its settings, its place and the files beside it.

    Raises:
        ReplicationError: names the file, and what does not hold.
    """
    record, claims = records.read_sealed(folder, "the record of a control experiment", FORMAT, _claims)
    if claims.claimed != claims.digest:
        raise ReplicationError(
            f"{folder}/run.json: result_digest: found {claims.claimed[:12]}, its settings give {claims.digest[:12]}: "
            "they were changed"
        )
    records.check_place(folder, claims.place)
    records.check_files(folder, claims.files)
    return record


class _Claims(NamedTuple):
    """The claims of a record about its variant, to be checked."""

    claimed: str
    """Its result digest, as it has it."""
    digest: str
    """The same, as its settings give it."""
    place: tuple[str, ...]
    files: dict[str, str]


def _claims(record: dict[str, Any]) -> _Claims:
    parts = ("experiment", "method", "training_episodes", "repetitions", "numerics_version")
    digest = identity_digest({part: record[part] for part in parts})
    place = (str(record["experiment"]), str(record["variant"]), digest[:12])
    return _Claims(str(record["result_digest"]), digest, place, dict(record["files"]))


def read_networks(folder: Path, repetitions: int) -> NDArray[np.float64]:
    """Read the weights of a variant's networks, float64 [repetitions, 56].

    Raises:
        ReplicationError: the file holds something else.
    """
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import load

    from replication.algorithms.fitted_q.nfq import WEIGHTS

    path = folder / NETWORKS
    try:
        weights = load(path.read_bytes())["weights"]
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise ReplicationError(f"{path}: not the networks of a control experiment ({error}); fetch it again") from None
    if weights.dtype != np.float64 or weights.shape != (repetitions, WEIGHTS):
        raise ReplicationError(
            f"{path}: weights: found {weights.dtype} {list(weights.shape)}, expected float64 {[repetitions, WEIGHTS]}"
        )
    return weights
