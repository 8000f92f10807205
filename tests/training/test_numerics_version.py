"""Numbers that move without a raised NUMERICS_VERSION are a defect: results of old code would pass as the new code's.

When this fails because numbers were meant to move: raise the family's integer in replication/specification/run.py, say
in KEPT_LAW which modules kept their law, note it in the CHANGELOG under Results-affecting, keep the former fingerprints
as golden/numerics_version_N.json, and write the new ones with `python -m tests.training.test_numerics_version`. On
another kind of machine the same command adds its exact digests.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from replication.foundation.files import readable_json
from replication.foundation.paths import ALGORITHMS
from replication.specification.families.off_policy import KEPT_LAW, NUMERICS_VERSION, NetworkConfig
from replication.specification.loading import load_variant
from tests.support.fingerprints import VARIANTS, fingerprint_of, machine_kind, magnitudes, own_network
from tests.support.lanes import advance, build, smoke_run

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
STORED = GOLDEN / "numerics.json"
ACROSS_MACHINES = 1e-3
"""Largest relative difference of a mean magnitude: sums of other processors differ in their last digits."""
ACROSS_VERSIONS = 1e-3
"""The same between two numerics versions of the same law."""
PRESENT = NUMERICS_VERSION


def agree(found: dict[str, Any], stored: dict[str, Any], tolerance: float) -> bool:
    """True where both decided the same before learning, and learned the same numbers up to a tolerance."""
    same = bool(found["magnitudes"] == pytest.approx(stored["magnitudes"], rel=tolerance, abs=1e-6))
    return same and bool(found["exploring"] == stored["exploring"])


def stored_fingerprints(path: Path = STORED) -> dict[str, Any]:
    return dict(json.loads(path.read_bytes()))


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_numbers_move_only_with_the_numerics_version(variant: str) -> None:
    stored, found = stored_fingerprints()[variant], fingerprint_of(variant)
    for part in ("numerics_version", "config"):
        assert found[part] == stored[part], "write the new fingerprint"
    assert found["exploring"] == stored["exploring"]
    assert found["magnitudes"] == pytest.approx(stored["magnitudes"], rel=ACROSS_MACHINES, abs=1e-6)
    kind = machine_kind()
    assert found["exact"][kind] == stored["exact"].get(kind, found["exact"][kind]), f"bytes moved on {kind}"


def test_every_module_that_trains_has_a_fingerprint() -> None:
    modules = {path.stem for path in (ALGORITHMS / "off_policy").glob("*.py")} - {"__init__", "contract"}
    assert {load_variant(variant).module for variant in VARIANTS} == modules
    assert stored_fingerprints().keys() == VARIANTS.keys()


KEPT = {
    f"{name}-{version}": (name, version)
    for version, modules in KEPT_LAW.items()
    for name in VARIANTS
    if load_variant(name).module in modules
}
"""Variants of the modules that kept their law in a version, with that version."""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "version"), KEPT.values(), ids=KEPT)
def test_modules_that_kept_their_law_learn_the_same_up_to_the_last_digits(name: str, version: int) -> None:
    before = stored_fingerprints(GOLDEN / f"numerics_version_{version - 1}.json")[name]
    after = stored_fingerprints(STORED if version == PRESENT else GOLDEN / f"numerics_version_{version}.json")[name]
    if after["config"] != before["config"]:  # other settings are no other law: as it learns with those of then
        after = fingerprint_of(name, before["config"])
    assert after["exploring"] == before["exploring"]
    assert after["magnitudes"] == pytest.approx(before["magnitudes"], rel=ACROSS_VERSIONS, abs=1e-6)


def test_the_table_of_kept_laws_names_modules_that_there_are() -> None:
    for version, modules in KEPT_LAW.items():
        assert {load_variant(name).module for name, kept_in in KEPT.values() if kept_in == version} == modules


@pytest.mark.slow
def test_the_fingerprint_sees_a_small_change_of_the_learning_rate() -> None:
    stored = stored_fingerprints()["dqn"]["magnitudes"]
    network = NetworkConfig.model_validate_json(json.dumps(own_network("dqn")))
    trainee = build(smoke_run("dqn"), network=network)
    changed = trainee.lane.config.optimizer.model_copy(update={"learning_rate": 0.0003})
    trainee.learner.optimizer.config = changed  # type: ignore[assignment]
    advance([trainee], VARIANTS["dqn"])
    assert magnitudes(trainee) != pytest.approx(stored, rel=ACROSS_MACHINES, abs=1e-6)


def with_this_machine(stored: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """A fingerprint with those exact digests of other kinds of machines that are still true of the code.

    They are where what was stored says the same as what was found: to the bit on this kind of machine if it is known
    there, else closely.
    """
    exact = stored.get("exact", {})
    known = {kind: digest for kind, digest in exact.items() if found["exact"].get(kind, digest) == digest}
    same = known == exact and all(stored.get(part) == found[part] for part in ("numerics_version", "config"))
    if not same or not agree(found, stored, ACROSS_MACHINES):
        return found
    return stored | {"exact": exact | found["exact"]}


def test_the_digests_of_other_machines_stay_while_the_numbers_do() -> None:
    stored = {"numerics_version": 1, "config": {}, "exploring": "a", "exact": {"one": "1"}, "magnitudes": {"w": 1.0}}
    here = stored | {"exact": {"two": "2"}, "magnitudes": {"w": 1.0001}}
    both = with_this_machine(stored, here)
    assert both == stored | {"exact": {"one": "1", "two": "2"}}
    assert with_this_machine(both, here) == both
    for change in (
        {"numerics_version": 2},
        {"config": {"later": 1}},
        {"exact": {"two": "3"}},
        {"magnitudes": {"w": 1.1}},
        {"exploring": "b"},
    ):
        assert with_this_machine(both, here | change) == here | change
    assert with_this_machine({}, here) == here


def write_fingerprints() -> None:
    """Write those of the present code; exact digests of other kinds of machines stay as long as they are true."""
    stored = stored_fingerprints() if STORED.exists() else {}
    found = {name: with_this_machine(stored.get(name, {}), fingerprint_of(name)) for name in VARIANTS}
    STORED.write_bytes(readable_json(found))


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    write_fingerprints()
