"""The article's own tables: its numbers and layout, ours beside them, missing ones shown as missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from replication.analysis.finished import load_runs
from replication.foundation.errors import ReplicationError
from replication.published.loader import published_table
from replication.report.render import build_table
from replication.report.tables import nature_table1, nature_table2, nature_table3, nature_table4
from replication.specification.experiments import load_experiment
from replication.specification.run import Run
from tests.support.finished_runs import finish, made_up_experiment

RATES = ("dqn_no_replay", "dqn_no_replay_lr_half", "dqn_no_replay_lr_double")


def highest(run: Run, results: Path, experiment) -> float:
    (found,) = (other for other in load_runs(experiment, results) if other.run == run)
    return float(found.curve["score"].max())


def test_table_1_has_every_published_hyperparameter_and_says_which_is_not_in_force(tmp_path):
    experiment = made_up_experiment([{"budget_frames": 200_000_000}])
    frame = nature_table1.build(experiment, load_runs(experiment, tmp_path)).printed().set_index("hyperparameter")
    assert list(frame.index) == published_table("nature_2015_table1_hyperparameters")["name"].to_list()
    # The released program counts the target network's period in agent steps: 2,500 updates.
    assert frame[frame["as published"] == "no"].index.to_list() == ["target network update frequency"]
    assert frame.loc["target network update frequency", "in force"] == "2,500"
    assert frame.loc["training length", "in force"] == "50,000,000"
    assert frame.loc["error clipping", "as published"] == "see fidelity"


def test_table_1_of_another_agent_shows_its_own_values(tmp_path):
    experiment = made_up_experiment([{"variants": ["dqn_paper", "dqn_dopamine"], "protocol": "nature"}])
    frame = nature_table1.build(experiment, load_runs(experiment, tmp_path)).printed().set_index("hyperparameter")
    paper, dopamine = (name for name in frame.columns if name.startswith("as published: "))
    assert frame.loc["target network update frequency", paper] == "yes"
    assert frame.loc["training length", paper] == "no"  # 400,000 frames
    assert frame.loc["learning rate", dopamine] == "yes"
    assert frame.loc["final exploration", dopamine] == "no"


def test_table_1_needs_an_agent_that_trains(tmp_path):
    experiment = made_up_experiment([{"variants": ["random_10hz"], "budget_frames": None}])
    with pytest.raises(ReplicationError, match="no agent trains"):
        nature_table1.build(experiment, load_runs(experiment, tmp_path))


def test_table_2_is_the_articles_with_ours_beside_it(tmp_path):
    groups = [{"games": ["pong", "breakout"], "seeds": [1, 2]}, {"variants": ["random_10hz"], "budget_frames": None}]
    experiment = made_up_experiment(groups)
    for run in experiment.runs():
        if run.task.name == "pong":
            finish(run, tmp_path)
    table = nature_table2.build(experiment, load_runs(experiment, tmp_path))
    rows = table.printed().set_index("game")
    assert list(rows.index) == ["Breakout", "Pong"]
    assert rows.loc["Breakout", "DQN (published)"] == "401.2 ± 26.9"
    assert rows.loc["Breakout", "contingency (Sarsa)"] == "6.1"
    agent = "DQN (released program)"
    assert rows.loc["Breakout", agent] == rows.loc["Breakout", "Random agent, 10 Hz"] == "missing"
    one, two = (found.episodes["return"].mean() for found in load_runs(experiment, tmp_path)[:2])
    mean, spread = (one + two) / 2, abs(one - two) / 2**0.5
    assert rows.loc["Pong", agent] == f"{mean:,.1f} ± {spread:,.1f}"
    assert rows.loc["Pong", f"{agent} ± over"] == "2 seeds"
    assert rows.loc["Pong", f"{agent} %"] == f"{100 * (mean + 20.7) / 30.0:,.1f}"
    assert "3 of 5 runs finished" in table.caption and "400,000 frames" in table.caption


def test_table_3_takes_the_best_rate_of_those_that_are_finished(tmp_path):
    experiment = load_experiment("nature_table3")
    mine = [run for run in experiment.runs() if run.variant.variant in RATES and run.task.name == "enduro"]
    for run in mine[:2]:
        finish(run, tmp_path)
    curve = mine[1].results_folder(tmp_path) / "curve.csv"
    curve.write_text(curve.read_text().replace(",700.0,", ",650.5,"))  # the highest of its five
    lower, higher = sorted(highest(run, tmp_path, experiment) for run in mine[:2])
    assert lower < higher
    table = nature_table3.build(experiment, load_runs(experiment, tmp_path))
    row = table.printed().set_index("game").loc["Enduro"]
    assert row["no replay, target network (ours)"] == f"{higher:,.1f}"
    assert [cell for name, cell in row.items() if "published" in name] == ["1,006.3", "831.4", "141.9", "29.1"]
    assert (table.printed() == "missing").sum().sum() == 19
    assert "2 of 60 runs finished" in table.caption
    assert "0 of 20 of our scores have all of theirs finished" in table.caption
    finish(mine[2], tmp_path)
    assert "1 of 20 of our scores" in nature_table3.build(experiment, load_runs(experiment, tmp_path)).caption


def test_table_4_keeps_the_linear_learner_apart(tmp_path):
    experiment = load_experiment("nature_table4")
    for run in experiment.runs():
        if run.variant.variant in ("linear_2015", "dqn") and run.task.name == "seaquest":
            finish(run, tmp_path)
    row = nature_table4.build(experiment, load_runs(experiment, tmp_path)).printed().set_index("game").loc["Seaquest"]
    dqn, linear = (highest(found.run, tmp_path, experiment) for found in load_runs(experiment, tmp_path))
    assert row.to_list() == ["2,894.4", f"{dqn:,.1f}", "656.9", f"{linear:,.1f}"]


@pytest.mark.parametrize("name", ["nature_table2", "nature_table3", "nature_table4"])
def test_nothing_finished_still_gives_the_published_half(name, tmp_path):
    files = build_table(name, name, tmp_path).files()
    assert b"missing" in files["md"] and b"\\toprule" in files["tex"]
    assert f"\\label{{tab:{name}-{name}}}".encode() in files["tex"]
