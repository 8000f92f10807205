"""Worlds of a few named states as data: those of the book, and anything else as one clear line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from replication.foundation.errors import ReplicationError
from replication.specification.run import resolve_run
from replication.specification.tasks.registry import TASKS
from replication.specification.tasks.small_mdps import (
    KNOWN_CONTENT,
    MAXIMIZATION_BIAS,
    SHORT_CORRIDOR,
    SMALL_MDPS,
    State,
    Step,
)


def test_mb1_a_leads_to_the_end_or_to_b_and_b_to_the_end_with_rewards_that_scatter() -> None:
    a, b, end = MAXIMIZATION_BIAS.states
    assert [(step.to, step.reward, step.deviation) for step in a.steps] == [("B", 0.0, 0.0), ("end", 0.0, 0.0)]
    assert {(step.to, step.reward, step.deviation) for step in b.steps} == {("end", -0.1, 1.0)} and not end.steps
    assert resolve_run(variant="double_q_learning", task="maximization_bias", seed=1, budget_episodes=1)


def test_mb2_the_number_of_actions_in_b_is_that_of_the_task() -> None:
    found = {name: len(world.states[1].steps) for name, world in SMALL_MDPS.items() if "bias" in name}
    assert found == {
        "maximization_bias": 10,
        "maximization_bias_2_actions": 2,
        "maximization_bias_5_actions": 5,
        "maximization_bias_50_actions": 50,
    }


@pytest.mark.parametrize(
    ("states", "wrong"),
    [
        ((State("a", (Step("b", 0.0),)),), "found a step to 'b', expected one of a; correct it"),
        ((State("a"), State("a")), "found 'a' twice, expected each once; rename one"),
        (
            (State("a", (Step("b", 0.0, -1.0),)), State("b")),
            "found a deviation of -1, expected at least 0; correct it",
        ),
        (
            (State("a", (Step("a", 0.0),)), State("b")),
            "found no way from the first state to one without steps, expected one; let a step lead there",
        ),
        ((), "found no way from the first state"),
    ],
)
def test_a_world_in_which_nothing_can_be_learned_is_one_line(states: tuple[State, ...], wrong: str) -> None:
    with pytest.raises(ReplicationError, match=f"^world short_corridor: states: {wrong}"):
        replace(SHORT_CORRIDOR, states=states)


def test_a_changed_world_is_another_run() -> None:
    assert set(KNOWN_CONTENT) == set(SMALL_MDPS) and TASKS["short_corridor"] is SHORT_CORRIDOR
    assert {name for name, world in SMALL_MDPS.items() if world.unknown_content is not None} == set()
    assert replace(SHORT_CORRIDOR, title="Another", source="another").unknown_content is None
    moved = (replace(SHORT_CORRIDOR.states[0], steps=(Step("first", -2.0), Step("second", -1.0))),)
    assert replace(SHORT_CORRIDOR, states=(*moved, *SHORT_CORRIDOR.states[1:])).unknown_content is not None
