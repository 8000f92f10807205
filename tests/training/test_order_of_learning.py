"""When agents of Atari 100k learn first, from how many rows, and what chooses the next action (rows P7, SP11)."""

from __future__ import annotations

import pytest

from replication.specification.run import resolve_run
from replication.training.off_policy.lane_contract import budget_is_spent
from tests.support.lanes import RecordingLearner, advance, build


@pytest.mark.parametrize(
    ("variant", "first_update_step", "updates", "acts_before"),
    [("der_2019", 1_600, 1, True), ("spr", 2_001, 2, False)],
)
def test_p7_sp11_sp14_an_action_comes_from_a_network_that_has_learnt_from_all_steps_before_it(
    variant: str, first_update_step: int, updates: int, acts_before: bool
) -> None:
    """Kaixhin/Rainbow main.py:146-164 and rlpyt's minibatch_rl.py:308-311 play a step, store it and learn, in turn.

    SPR chooses at random until then, without asking the network.
    """
    trainee = build(
        resolve_run(variant=variant, task="catch", seed=1, budget_frames=400_000), replay_capacity_rows=4_000
    )
    learner = RecordingLearner(trainee)
    advance([trainee], first_update_step + 2)
    events = [event for event in learner.events if event[0] in ("act", "update")]
    first = events.index(("update", first_update_step))
    assert events[first:] == [
        *[("update", first_update_step)] * updates,
        ("act", first_update_step + 1),
        *[("update", first_update_step + 1)] * updates,
        ("act", first_update_step + 2),
    ]
    # Every step before was chosen without an update: by the noise, or at random.
    assert events[:first] == ([("act", step) for step in range(1, first_update_step + 1)] if acts_before else [])


@pytest.mark.parametrize("variant", ["der_dopamine", "drq", "drq_eps", "otrainbow"])
def test_a14_q13_t12_training_stops_after_100000_steps_wherever_a_game_stands(variant: str) -> None:
    run = resolve_run(variant=variant, task="breakout", seed=1, budget_frames=400_000)
    assert [budget_is_spent(run, steps, 0) for steps in (99_999, 100_000)] == [False, True]
