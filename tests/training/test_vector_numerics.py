"""Numbers of on-policy agents on vectors move only with the numerics version of the family.

When this fails because numbers were meant to move: see test_on_policy_numerics.py; the new fingerprints are written
with `python -m tests.training.test_vector_numerics`. On another kind of machine the same command adds its digests.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from replication.foundation.files import readable_json
from replication.specification.families.on_policy import NUMERICS_VERSION
from replication.specification.loading import identity_config
from tests.support.fingerprints import machine_kind
from tests.support.vectors import advance, opened, small_run

STORED = Path(__file__).resolve().parents[1] / "golden" / "numerics_vector_policies.json"
ACROSS_MACHINES = 1e-3
"""Largest relative difference of a mean magnitude: sums of other processors differ in their last digits."""
VARIANTS = ("a2c_tianshou", "ppo_tianshou", "reinforce_tianshou")
"""Each is trained for 96 steps with small networks, on the pendulum, whose arithmetic is plain."""
PARTS = ("numerics_version", "config", "first_observations")


def fingerprint_of(variant: str) -> dict[str, Any]:
    """Exact for what is random alone; magnitudes where processors may differ in the last bits."""
    run = small_run(variant, steps=96)
    (trainee,) = opened(run)
    first = [round(float(number), 5) for number in trainee.lane.stacks.reshape(-1)]
    advance([trainee])
    digest, tensors = hashlib.sha256(trainee.lane.stacks.tobytes()), trainee.learner.tensors()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return {
        "numerics_version": NUMERICS_VERSION,
        "config": identity_config(run.variant),
        "first_observations": first,
        "exact": {machine_kind(): digest.hexdigest()[:16]},
        "magnitudes": {name: float(tensor.double().abs().mean()) for name, tensor in tensors.items()},
    }


def stored_fingerprints() -> dict[str, Any]:
    return dict(json.loads(STORED.read_bytes())) if STORED.exists() else {}


@pytest.mark.parametrize("variant", VARIANTS)
def test_numbers_move_only_with_the_numerics_version(variant: str) -> None:
    stored, found = stored_fingerprints()[variant], fingerprint_of(variant)
    for part in PARTS:
        assert found[part] == stored[part], "write the new fingerprint"
    assert found["magnitudes"] == pytest.approx(stored["magnitudes"], rel=ACROSS_MACHINES, abs=1e-6)
    kind = machine_kind()
    assert found["exact"][kind] == stored["exact"].get(kind, found["exact"][kind]), f"bytes moved on {kind}"


def with_this_machine(stored: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """A fingerprint with the exact digests of other kinds of machines, where what was stored is still found."""
    same = all(stored.get(part) == found[part] for part in PARTS)
    close = same and found["magnitudes"] == pytest.approx(stored["magnitudes"], rel=ACROSS_MACHINES, abs=1e-6)
    exact = stored.get("exact", {})
    known = all(exact.get(kind, digest) == digest for kind, digest in found["exact"].items())
    return stored | {"exact": exact | found["exact"]} if close and known else found


if __name__ == "__main__":
    torch.set_num_threads(1)
    before = stored_fingerprints()
    STORED.write_bytes(
        readable_json({name: with_this_machine(before.get(name, {}), fingerprint_of(name)) for name in VARIANTS})
    )
