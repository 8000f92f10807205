"""Numbers that move without a raised NUMERICS_VERSION are a defect: results of old code would pass as the new code's.

When this fails because numbers were meant to move: raise the family's integer in replication/runs.py, note it in the
CHANGELOG under Results-affecting, and write the new fingerprint with `python -m tests.test_numerics_version`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from replication.algorithms.contract import load_algorithm
from replication.config import load_variant, variant_config
from replication.runs import NUMERICS_VERSION
from replication.settings import NetworkConfig
from tests.lanes import advance, build, smoke_run

STORED = Path(__file__).parent / "golden" / "numerics.json"
VARIANTS = ("dqn", "dqn_dopamine", "dqn_quickstart")
STEPS = 500


def own_network(variant: str) -> NetworkConfig:
    """The variant's, not the small one of the smoke preset."""
    loaded = load_variant(variant)
    return variant_config(loaded, load_algorithm(loaded.module).Config).network


def fingerprint_of(variant: str) -> dict[str, object]:
    """Exact where only integers are involved; magnitudes where processors may differ in the last bits."""
    trainee, explored = (build(smoke_run(variant), network=own_network(variant)) for _ in range(2))
    advance([explored], 90)  # before learning starts: every number follows from the streams alone
    advance([trainee], STEPS)
    lane = explored.lane
    return {
        "numerics_version": NUMERICS_VERSION["off_policy"],
        "exploring": hashlib.sha256(bytes(lane.decisions) + lane.stack.tobytes()).hexdigest()[:16],
        "parameters": {
            name: float(tensor.double().abs().mean())
            for name, tensor in trainee.learner.tensors().items()
            if name.startswith("online.")
        },
    }


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_numbers_move_only_with_the_numerics_version(variant: str) -> None:
    stored, found = json.loads(STORED.read_text())[variant], fingerprint_of(variant)
    assert found["numerics_version"] == stored["numerics_version"], "write the new fingerprint"
    assert found["exploring"] == stored["exploring"]
    assert found["parameters"] == pytest.approx(stored["parameters"], rel=1e-3, abs=1e-6)


@pytest.mark.slow
def test_the_fingerprint_sees_a_small_change_of_the_learning_rate() -> None:
    stored = json.loads(STORED.read_text())["dqn"]["parameters"]
    trainee = build(smoke_run("dqn"), network=own_network("dqn"))
    changed = trainee.lane.config.optimizer.model_copy(update={"learning_rate": 0.0003})
    trainee.learner.optimizer.config = changed  # type: ignore[assignment]
    advance([trainee], STEPS)
    found = {n: float(t.double().abs().mean()) for n, t in trainee.learner.tensors().items() if n in stored}
    assert found != pytest.approx(stored, rel=1e-3, abs=1e-6)


if __name__ == "__main__":
    STORED.parent.mkdir(exist_ok=True)
    STORED.write_text(json.dumps({variant: fingerprint_of(variant) for variant in VARIANTS}, indent=1) + "\n")
