"""Agents side by side: the table of an experiment, the page of all families, the command `compare`."""

from __future__ import annotations

from pathlib import Path

import pytest

from replication.analysis.finished import load_runs
from replication.analysis.side_by_side import agents_side_by_side
from replication.commands.cli import main
from replication.report.pages.agents import agents_html
from replication.report.tables.agents_compared import ALL_TASKS, build
from tests.support.finished_runs import finish, made_up_experiment

RESULTS = Path(__file__).resolve().parents[2] / "results"


def test_every_agent_stands_beside_the_first_on_the_tasks_that_both_have(tmp_path: Path) -> None:
    experiment = made_up_experiment(
        [{"games": ["pong", "breakout"], "seeds": [1, 2]}, {"variants": ["double_dqn"], "seeds": [1, 2]}]
    )
    for run in experiment.runs():
        finish(run, tmp_path)
    table = build(experiment, load_runs(experiment, tmp_path))
    [row] = table.frame.to_dict("records")  # Breakout has one agent alone, and of one task nothing is taken over tasks
    assert (row["task"], row["paired"], row["ours_runs"]) == ("Pong", True, 2)
    assert row["agent"].startswith("Double") and row["beside"].startswith("DQN")


def test_the_last_row_is_over_all_tasks(tmp_path: Path) -> None:
    group = {"games": ["pong", "breakout"], "seeds": [1, 2]}
    experiment = made_up_experiment([group, {**group, "variants": ["double_dqn"]}])
    for run in experiment.runs():
        finish(run, tmp_path)
    rows = build(experiment, load_runs(experiment, tmp_path)).frame.to_dict("records")
    assert [row["task"] for row in rows] == ["Breakout", "Pong", ALL_TASKS]
    assert 0.0 <= rows[-1]["probability_low"] <= rows[-1]["probability"] <= rows[-1]["probability_high"] <= 1.0


def test_an_experiment_without_finished_runs_has_an_empty_table(tmp_path: Path) -> None:
    experiment = made_up_experiment([{}, {"variants": ["double_dqn"]}])
    assert build(experiment, load_runs(experiment, tmp_path)).frame.empty


@pytest.mark.slow
def test_what_is_committed_is_grouped_by_what_was_asked() -> None:
    found = agents_side_by_side(RESULTS)
    assert not found.left_out
    for group in found.groups:
        assert "steps of each episode" not in next(iter(group.agents.values())).run.protocol.title
        runs = [agent.run for agent in group.agents.values()]
        assert len({(run.task.name, run.protocol.protocol) for run in runs}) == 1
        assert len({run.budget for run in runs if run.family.trains}) <= 1
    assert {"sarsa", "q_learning", "expected_sarsa"} <= set(found.of_pair("sarsa", "q_learning")[0].agents)
    assert agents_html(RESULTS) == (RESULTS / "agents.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_compare_prints_the_two_and_says_what_else_can_be_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "expected_sarsa", "sarsa", "--results", str(RESULTS)]) == 0
    assert "| better |" in capsys.readouterr().out
    assert main(["compare", "nfq", "sarsa", "--results", str(RESULTS)]) != 0
    said = capsys.readouterr().err
    assert "no task on which nfq and sarsa both have finished runs" in said and "nfq_new_networks" in said
