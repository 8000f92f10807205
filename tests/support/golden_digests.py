"""Writes the digests of all variants and experiments: `python -m tests.support.golden_digests` after a meant change.

They are kept at the numerics versions that the file names, whatever those of the code are: a raised version moves every
digest, and is no change of settings. What differs after the command is what a setting moved.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from replication.foundation.files import canonical_json, readable_json, sha256
from replication.specification.experiments import known_experiments, load_experiment
from replication.specification.loading import known_names, load_protocol, load_variant
from replication.specification.run import Run, resolve_run
from replication.specification.variants import FAMILIES

_TASKS = {"atari": "pong", "gridworld": "cliff_walking", "gymnasium": "cart_pole", "pole": "pole"}
_LENGTHS = {"episodes": 50, "frames": 400_000, "iterations": 2, "steps": 100_000}
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "digests.json"


def current_digests() -> dict[str, Any]:
    """Digests by variant (its own protocol, a task of its kind, seed 1) and by experiment (all its runs, in order)."""
    return {
        "numerics_version": {name: facts.numerics_version for name, facts in FAMILIES.items()},
        "variants": {name: _digests(_own_run(name)) for name in known_names("algorithms")},
        "experiments": {name: _experiment(name) for name in known_experiments()},
    }


def keep_versions(versions: Mapping[str, int]) -> None:
    """Compute digests from now on as code of these numerics versions would."""
    for family, version in versions.items():
        FAMILIES[family] = replace(FAMILIES[family], numerics_version=version)


def _own_run(name: str) -> Run:
    variant = load_variant(name)
    protocol = load_protocol(variant.protocol)
    unit, periodic = protocol.budget_unit, protocol.periodic_evaluation
    length = _LENGTHS[unit]
    if protocol.evaluation_score is not None and periodic is not None:
        length -= length % periodic.period_steps  # the evaluation at its end is scored
    budget: dict[str, Any] = {f"budget_{unit}": length} if variant.facts.trains else {}
    return resolve_run(variant=name, task=_TASKS[protocol.kind], seed=1, **budget)


def _digests(run: Run) -> dict[str, str]:
    return {"training_digest": run.training_digest, "result_digest": run.result_digest}


def _experiment(name: str) -> dict[str, Any]:
    found = [run.result_digest for run in load_experiment(name).runs()]
    return {"runs": len(found), "result_digests_sha256": sha256(canonical_json(found))}


if __name__ == "__main__":
    if GOLDEN.exists():
        keep_versions(json.loads(GOLDEN.read_bytes())["numerics_version"])
    GOLDEN.write_bytes(readable_json(current_digests()))
