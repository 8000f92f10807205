"""Policies learn on vectors what random play never has: to hold a pole up, with actions of a list, and with a force."""

from __future__ import annotations

import pytest

from replication.specification.run import Run
from replication.training.on_policy.family import new_trainee
from tests.support.vectors import advance, small_run

ADAM = {"name": "adam", "learning_rate": 0.003, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
OF_A_LIST = {"log_deviation_start": None, "action_bound": None}


def learning_run(variant: str, task: str, **changes: object) -> Run:
    """Rollouts of 256 steps of 8 actors; episodes are cut after 200 steps."""
    often = {"num_actors": 8, "rollout_steps": 32, "epochs": 8, "minibatches": 8, "optimizer": ADAM}
    run = small_run(variant, task, steps=20_480, **often, **changes)
    whole = {"kind": "gymnasium", "episode_cap_steps": 200}
    protocol = run.protocol.model_dump()
    protocol["training"] = whole
    protocol["periodic_evaluation"] |= {"period_steps": 10_240, "num_episodes": 5, "presentation": whole}
    protocol["evaluation_score"] = {"at_steps": [10_240]}
    return Run(
        run.variant, type(run.protocol).model_validate(protocol, strict=False), run.task, run.seed, None, run.budget
    )


@pytest.mark.slow
@pytest.mark.parametrize("task", [pytest.param("cart_pole", marks=pytest.mark.long), "inverted_pendulum"])
def test_a_policy_learns_to_hold_a_pole_up(task: str) -> None:
    variant = "ppo_tianshou"
    loaded = small_run(variant).variant.config["network"]
    network = loaded | {"hidden_units": [32, 32]} | (OF_A_LIST if task == "cart_pole" else {})
    trainee = new_trainee(learning_run(variant, task, network=network))
    advance([trainee])
    untrained, _, trained = (point.score or 0.0 for point in trainee.curve)
    assert untrained < 60.0 and trained > 120.0, f"{untrained} to {trained}"
