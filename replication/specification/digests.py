"""The digests of a run's identity: they name its files, and change with everything that can change a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from replication.foundation.files import canonical_json, sha256
from replication.specification.budget import UNITS

_NOT_OF_TRAINING = frozenset(
    (
        *("protocol", "title", "reference_set", "published_quantity", "final_evaluation", "evaluation_beside_score"),
        *("training_score", "evaluation_score"),
    )
)
"""Of a protocol, what moves no number of training."""


def record_digests(record: Mapping[str, Any]) -> tuple[str, str]:
    """Compute training digest and result digest of an identity, as `Run.identity` or the record of a run has it.

    Raises:
        KeyError: a part is missing.
    """
    settings = record["protocol_settings"]
    # Not what a protocol is called, what normalizes its scores, or what is played at the end; settings added later are.
    presented = {name: value for name, value in settings.items() if name not in _NOT_OF_TRAINING}
    played = ("game",) if "game" in record else ("environment", "task")
    seeds = "seeds" if "seeds" in record else "seed"
    parts = ("variant", "module", "family", "config", "protocol", *played, seeds, "preset", "numerics_version")
    parts += tuple(name for name in ("code", "task_content") if name in record)
    needed = ("training", "iteration_steps", "periodic_evaluation")
    training = {name: record[name] for name in parts} | presented | {name: settings[name] for name in needed}
    counted = ("steps", "iterations") if "game" in record else [unit for unit in UNITS if unit in record["budget"]]
    result = {
        "training": training,
        "budget": {name: record["budget"][name] for name in counted},
        "final_evaluation": settings["final_evaluation"],
    }
    return sha256(canonical_json(training)), sha256(canonical_json(result))
