"""The benchmark of TD3: its table from programs made up, and its settings. Never a time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from replication.commands.benchmark import continuous, our_td3
from replication.commands.benchmark.loops import OURS, SB3, Key, Plan
from replication.commands.benchmark.pacing import LOOP
from replication.foundation.errors import ReplicationError
from replication.training.off_policy_continuous.trainee import new_trainee


def test_a_rate_stands_beside_the_other_program_s_of_the_same_round(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {Key(OURS, LOOP): [0.01, 0.02], Key(SB3, LOOP): [0.03, 0.04], Key(OURS, "update"): [0.005, 0.005]}
    monkeypatch.setattr(continuous, "_seconds", lambda plan, task, size: seconds)
    plan = Plan(games=(), rounds=2, seconds=0.0, state=Path())
    table = continuous.continuous_table(plan, ["half_cheetah"])
    rows = table.files()["csv"].decode().splitlines()
    assert rows[0] == ",".join(continuous.COLUMNS) and len(rows) == 1 + 3 * len(continuous.SIZES)
    assert ",400-300,100,whole loop,this suite,75.0,50.0,100,steps/s,2.50 times as fast [2.00-3.00]" in rows[1]
    assert rows[2].endswith("Stable-Baselines3,29.2,25.0,33.3,steps/s,")
    assert rows[3].endswith(",update,this suite,200,200,200,updates/s,")
    assert "TD3 with an update a step" in " ".join(table.files()["md"].decode().split())


def test_our_program_has_the_networks_and_the_minibatch_that_are_asked_for() -> None:
    trainee = new_trainee(our_td3._run("pendulum", 32, (24, 16)))
    config = trainee.lane.config
    assert (config.actor.hidden_units, config.critic.hidden_units, config.batch_size) == ((24, 16), (24, 16), 32)
    assert config.random_steps_on("pendulum") == config.learning_starts_on("pendulum") == 5_000
    for _ in range(40):
        trainee.lane.play(trainee.learner.act)
    parts = our_td3._parts(trainee)
    assert (parts["act"](), parts["update"]()) == (50, 1)
    assert (trainee.learner.updates, trainee.lane.updates_owed) == (1, 0)


def test_what_is_missing_is_said_in_a_line(tmp_path: Path) -> None:
    plan = Plan(games=(), rounds=1, seconds=0.0, state=tmp_path, sb3=tmp_path / "python")
    with pytest.raises(ReplicationError, match="--sb3: there is no python at"):
        continuous.continuous_table(plan, ["pendulum"])
    with pytest.raises(ReplicationError, match="needs gymnasium"):
        continuous.continuous_table(
            Plan(games=(), rounds=1, seconds=0.0, state=tmp_path, sb3=Path(sys.executable)), ["cart_pole"]
        )
