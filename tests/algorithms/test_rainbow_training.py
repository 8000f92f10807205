"""Noisy agents, Rainbow and its relatives trained for some steps by the engine: alone, again, and stopped between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replication.engine.checkpoints import restore_newest, save_checkpoint
from replication.engine.off_policy import Trainee
from replication.runs import Run, resolve_run
from tests.lanes import advance, build, whole_state

STEPS = 160
PRIORITISED = ("der_2019", "der_dopamine", "otrainbow", "rainbow", "rainbow_dopamine")
VARIANTS = ("noisy_dqn", "drq_eps", *(pytest.param(name, marks=pytest.mark.slow) for name in PRIORITISED))


def small_run(variant: str) -> Run:
    budget: dict[str, Any] = {"budget_iterations": 2} if variant == "rainbow_dopamine" else {"budget_frames": 2_400}
    return resolve_run(variant=variant, game="catch", seed=1, preset="smoke", **budget)


def built(run: Run) -> Trainee:
    network = build(run).lane.config.network.model_copy(update={"hidden_units": 32})
    return build(run, network=network)


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_learns_the_same_again_and_goes_on_from_a_checkpoint(variant: str, tmp_path: Path) -> None:
    run = small_run(variant)
    whole, again = built(run), built(run)
    start = built(run).learner.online_parameters()
    advance([whole], STEPS)
    assert whole.failure is None and whole.lane.learning_started
    found = whole.learner.online_parameters()
    assert all(not np.array_equal(found[name], start[name]) for name in start)
    advance([again], STEPS - 40)
    save_checkpoint(again, tmp_path)
    resumed = built(run)
    assert restore_newest(resumed, tmp_path) == STEPS - 40
    advance([resumed], 40)
    assert whole_state(resumed) == whole_state(whole)
