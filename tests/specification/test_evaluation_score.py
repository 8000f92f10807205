"""Protocols that are scored by evaluations during training: what they may say, budgets, and where runs are judged."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from pydantic import ValidationError

from replication.specification.assumed_speed import longest_periodic_steps
from replication.specification.budget import Budget
from replication.specification.judged_points import judged_budgets
from replication.specification.loading import load_protocol
from replication.specification.protocols import Protocol
from replication.specification.run import Run, resolve_run
from tests.support.pinball import message


def changed(name: str = "mujoco_2018", **changes: Any) -> Protocol:
    """The protocol with settings changed, those of its periodic evaluation by `periodic`."""
    content = json.loads(load_protocol(name).model_dump_json())
    content["periodic_evaluation"] |= changes.pop("periodic", {})
    return Protocol.model_validate_json(json.dumps(content | changes))


def td3(task: str = "half_cheetah", steps: int = 100_000) -> Run:
    return resolve_run(variant="td3_2018", task=task, seed=1, budget_steps=steps)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"evaluation_score": None}, "evaluation_score: expected where published_quantity is periodic_evaluations"),
        ({"evaluation_score": {"at_steps": [7_000]}}, "at_steps: expected multiples of 5000"),
        ({"evaluation_score": {"at_steps": [10_000, 5_000]}}, "at_steps: expected ascending numbers, each once"),
        ({"periodic": {"at_start": False}}, "at_steps: found 0, expected periodic_evaluation.at_start beside it"),
        ({"periodic": {"length_steps": 5}}, "length_steps: found 5 beside num_episodes 10, expected one of them"),
        ({"periodic": {"num_episodes": None}}, "length_steps: found None beside num_episodes None, expected one"),
        (
            {"periodic": {"num_episodes": None, "length_steps": 5}},
            "expected periodic_evaluation.num_episodes beside it",
        ),
        ({"trains_for": None}, "expected trains_for steps beside it, and no final_evaluation"),
    ],
)
def test_what_no_record_could_keep_is_refused(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(expected)):
        changed(**changes)


def test_games_are_not_scored_so_yet() -> None:
    score = {"published_quantity": "periodic_evaluations", "evaluation_score": {"at_steps": []}}
    with pytest.raises(ValidationError, match="in a protocol of kind gymnasium, found kind atari"):
        changed("nature", **score)


def test_a_budget_ends_with_an_evaluation() -> None:
    assert td3(steps=105_000).budget == Budget(steps=105_000)
    assert message(td3, "half_cheetah", 101_000) == (
        "budget of 101000 steps: protocol mujoco_2018 scores the evaluation at its end, expected a multiple of 5000, "
        "the steps between two"
    )


def test_runs_are_judged_where_the_record_keeps_an_evaluation() -> None:
    run = td3(steps=105_000)
    assert not run.publishes_training
    assert judged_budgets(None, run) == (run.budget,)
    assert judged_budgets([0, 50_000, 105_000], run) == tuple(Budget(steps=each) for each in (0, 50_000, 105_000))
    assert message(judged_budgets, [55_000], run) == (
        "judge_at: found step 55,000, expected one of 0, 50,000, 75,000, 100,000, 105,000: there protocol mujoco_2018 "
        "scores a run of this budget (evaluation_score.at_steps)"
    )


def test_the_longest_evaluation_is_ten_times_the_cap_of_the_task() -> None:
    assert [longest_periodic_steps(td3(task)) for task in ("half_cheetah", "reacher")] == [10_000, 500]
    nature = resolve_run(variant="dqn", task="pong", seed=1, budget_frames=400_000)
    assert longest_periodic_steps(nature) == 125_000
