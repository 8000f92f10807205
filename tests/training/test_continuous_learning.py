"""An actor learns to swing a pendulum up: a return that random play never has. And a user's algorithm is two files."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

import replication.algorithms.off_policy_continuous as beside
from replication.foundation import paths
from replication.specification.loading import load_variant
from replication.specification.run import Run
from replication.training.off_policy_continuous.trainee import new_trainee
from tests.support.bad_input import copy_workflow
from tests.support.continuous import advance, opened, small_run, whole_state
from tests.support.evaluated_runs import evaluated_protocol

ADAM = {"name": "adam", "learning_rate": 0.002, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
NETWORK = {"hidden_units": [64, 48], "output_limit": None, "optimizer": ADAM}
TOY = '''"""TD3 whose target is the mean of the critics, a share of it."""

from replication.algorithms.off_policy_continuous.td3 import (
    NUM_CRITICS,
    SMOOTHS_TARGETS,
    actor_loss,
    critic_loss,
    target_actions,
    updates_actor,
)
from replication.specification.families.off_policy_continuous import TD3Config

PAPER = "none"


class Config(TD3Config):
    share: float


def targets(rewards, goes_on, next_values, config):
    return rewards + config.share * config.discount * goes_on * next_values.mean(dim=0)
'''


def learning_run(variant: str) -> Run:
    """An update a step on the pendulum, whose episodes have 200 steps, and whose returns are -1,200 at random."""
    run = small_run(
        variant,
        steps=5_000,
        batch_size=64,
        random_steps=500,
        learning_starts_steps=None,
        update_period_steps=1,
        updates_at_once=1,
        discount=0.98,
        tau=0.01,
        noise_unit="largest_action",
        actor=NETWORK,
        critic=NETWORK | {"action_layer": 0, "weight_decay": 0.0},
    )
    whole = {"kind": "gymnasium", "episode_cap_steps": "registered"}
    protocol = evaluated_protocol(
        training=whole, period_steps=2_500, num_episodes=5, presentation=whole, evaluation_score={"at_steps": [2_500]}
    )
    return replace(run, protocol=protocol)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["td3_2018", "ddpg_tianshou"])
def test_an_actor_learns_what_random_play_never_does(variant: str) -> None:
    trainee = new_trainee(learning_run(variant))
    advance([trainee])
    untrained, _, trained = (point.score for point in trainee.curve)
    assert untrained < -700.0 and trained > -450.0, f"{untrained} to {trained}"


def test_a_user_s_algorithm_is_one_python_file_and_one_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_workflow(tmp_path, monkeypatch)
    algorithms = tmp_path / "algorithms" / "off_policy_continuous"
    algorithms.mkdir(parents=True)
    (algorithms / "mean_td3.py").write_text(TOY, encoding="utf-8")
    monkeypatch.setattr(paths, "ALGORITHMS", tmp_path / "algorithms")
    monkeypatch.setattr(beside, "__path__", [*beside.__path__, str(algorithms)])
    monkeypatch.delitem(sys.modules, "replication.algorithms.off_policy_continuous.mean_td3", raising=False)
    (algorithms / "td3.py").touch()
    mine = {
        "variant": "mean_td3",
        "title": "Mean TD3",
        "like": "td3_2018",
        "module": "mean_td3",
        "config": {"share": 0.5},
    }
    (tmp_path / "workflow" / "algorithms" / "mean_td3.yaml").write_text(yaml.safe_dump(mine), encoding="utf-8")
    assert load_variant("mean_td3").settings.share == 0.5
    (own,) = opened(small_run("mean_td3"))
    advance([own])
    assert own.step == 200 and own.learner.updates == 180 and own.failure is None
    assert "code" in own.run.identity()
    (bundled,) = opened(small_run("td3_2018"))
    advance([bundled])
    assert whole_state(own)["tensors"] != whole_state(bundled)["tensors"]
