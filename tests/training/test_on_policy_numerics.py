"""Numbers of the on-policy family move only with its numerics version.

When this fails because numbers were meant to move: raise NUMERICS_VERSION in specification/families/on_policy.py, note
it in the CHANGELOG under Results-affecting, and write the new fingerprints with
`python -m tests.training.test_on_policy_numerics`. On another kind of machine the same command adds its exact digests.
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
from replication.specification.loading import identity_config, load_variant
from replication.specification.variants import FAMILIES
from tests.support.fingerprints import machine_kind
from tests.support.on_policy import advance, opened, small_run

STORED = Path(__file__).resolve().parents[1] / "golden" / "numerics_on_policy.json"
ACROSS_MACHINES = 1e-3
"""Largest relative difference of a mean magnitude: sums of other processors differ in their last digits."""
SMALL = {
    "a2c": {},
    "a3c_pfrl": {"num_actors": 3, "staleness_updates": 2},
    "actor_critic_q": {},
    "actor_critic_td": {},
    "ppo_2017": {"num_actors": 4, "rollout_steps": 16},
    "ppo1": {"num_actors": 4, "rollout_steps": 16},
    "ppo_baselines": {"num_actors": 4, "rollout_steps": 16},
    "ppo_penalty": {"num_actors": 4, "rollout_steps": 16},
    "pqn_cleanrl": {"num_actors": 4, "rollout_steps": 16},
    "reinforce_baseline": {},
    "trpo_baselines": {"num_actors": 4, "rollout_steps": 16},
}
"""A variant of every module, and what makes it small; each is trained for 160 steps, REINFORCE to the end of a life."""


def fingerprint_of(variant: str) -> dict[str, Any]:
    """Exact where only integers are involved; magnitudes where processors may differ in the last bits."""
    run = small_run(variant, steps=160, **SMALL[variant])
    (trainee,) = opened(run)
    untrained = hashlib.sha256(trainee.lane.stacks.tobytes()).hexdigest()[:16]
    advance([trainee])
    digest = hashlib.sha256(trainee.lane.stacks.tobytes())
    for name, tensor in sorted(trainee.learner.tensors().items()):
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    tensors = trainee.learner.tensors().items()
    return {
        "numerics_version": NUMERICS_VERSION,
        "config": identity_config(run.variant),
        "first_frames": untrained,
        "exact": {machine_kind(): digest.hexdigest()[:16]},
        "magnitudes": {name: float(tensor.double().abs().mean()) for name, tensor in tensors},
    }


def stored_fingerprints() -> dict[str, Any]:
    return dict(json.loads(STORED.read_bytes())) if STORED.exists() else {}


@pytest.mark.slow
@pytest.mark.parametrize("variant", SMALL)
def test_numbers_move_only_with_the_numerics_version(variant: str) -> None:
    stored, found = stored_fingerprints()[variant], fingerprint_of(variant)
    for part in ("numerics_version", "config", "first_frames"):
        assert found[part] == stored[part], "write the new fingerprint"
    assert found["magnitudes"] == pytest.approx(stored["magnitudes"], rel=ACROSS_MACHINES, abs=1e-6)
    kind = machine_kind()
    assert found["exact"][kind] == stored["exact"].get(kind, found["exact"][kind]), f"bytes moved on {kind}"


def test_every_module_has_a_fingerprint() -> None:
    assert {load_variant(name).module for name in SMALL} == set(FAMILIES["on_policy"].modules)
    assert stored_fingerprints().keys() == SMALL.keys()


def with_this_machine(stored: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """A fingerprint with the exact digests of other kinds of machines, where what was stored is still found."""
    same = all(stored.get(part) == found[part] for part in ("numerics_version", "config", "first_frames"))
    close = same and found["magnitudes"] == pytest.approx(stored["magnitudes"], rel=ACROSS_MACHINES, abs=1e-6)
    exact = stored.get("exact", {})
    known = all(exact.get(kind, digest) == digest for kind, digest in found["exact"].items())
    return stored | {"exact": exact | found["exact"]} if close and known else found


if __name__ == "__main__":
    torch.set_num_threads(1)
    before = stored_fingerprints()
    STORED.write_bytes(
        readable_json({name: with_this_machine(before.get(name, {}), fingerprint_of(name)) for name in SMALL})
    )
