"""The published runs of continuous control: complete, of one kind, and what its own sources print of them follows.

They were copied by a program that was run once, from the table of curves that was collected for this project: seven
tasks, up to a million steps; of the runs that are published one by one the runs alone, 4 digits each; no other agents
than those that issues ask for. What a row's `step` counts is said in SOURCES.md.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest

from replication.foundation.errors import ReplicationError
from replication.published.curves_by_step import step_agents, step_curve, step_point, step_tasks, two_point_ceiling
from replication.published.judges import find_judge
from replication.published.loader import published_curves_by_step, published_table

TASKS = {"HalfCheetah", "Hopper", "InvertedDoublePendulum", "InvertedPendulum", "Reacher", "Swimmer", "Walker2d"}
RUNS = {"sfujim_td3": 10, "tianshou_control": 10, "nnabla_rl_control": 3, "spinningup_control": 10}
ALONE = {("tianshou_control", "SAC"), *(("spinningup_control", agent) for agent in ("DDPG", "PPO", "TD3", "VPG"))}
"""Agents of which only means are published."""


def test_every_source_has_its_runs_one_by_one_or_says_their_mean_and_spread() -> None:
    assert set(published_curves_by_step()) == RUNS.keys()
    for source, runs in RUNS.items():
        assert step_tasks(source) <= TASKS
        for task in step_tasks(source):
            for agent in step_agents(source, task):
                curve = step_curve(source, task, agent)
                assert {point.runs for point in curve} == {runs}
                expected = {0} if (source, agent) in ALONE else {runs}
                assert {len(point.scores) for point in curve} == expected, (source, agent, task)
                steps = [point.step for point in curve]
                assert steps == sorted(set(steps)) and all(point.deviation is not None for point in curve)


@pytest.mark.parametrize(
    ("task", "mean", "deviation"),
    [
        ("HalfCheetah", 9636.95, 859.065),
        ("Hopper", 3564.07, 114.74),
        ("Walker2d", 4682.82, 539.64),
        ("InvertedPendulum", 1000.00, 0.00),
        ("InvertedDoublePendulum", 9337.47, 14.96),
    ],
)
def test_the_highest_points_of_the_mean_curves_are_those_of_the_article_s_table(
    task: str, mean: float, deviation: float
) -> None:
    """Fujimoto et al. 2018, Table 1: the deviation over runs has n in its denominator; Reacher's is another there."""
    highest = max(step_curve("sfujim_td3", task, "TD3")[1:], key=lambda point: point.mean)
    assert highest.mean == pytest.approx(mean, rel=1e-4)
    assert np.std(highest.scores) == pytest.approx(deviation, rel=2e-3, abs=0.1)


@pytest.mark.parametrize(("task", "mean"), [("HalfCheetah", 11718.7), ("Hopper", 2197.0), ("Swimmer", 144.1)])
def test_the_highest_points_of_tianshou_s_ddpg_are_those_of_its_table(task: str, mean: float) -> None:
    """Thu-ml/tianshou examples/mujoco/README.md, DDPG, 1 million steps."""
    assert max(point.mean for point in step_curve("tianshou_control", task, "DDPG")) == pytest.approx(mean, rel=1e-3)


def test_steps_are_counted_from_the_first_random_one() -> None:
    for agent, uncounted in {"DDPG": 25_000, "TD3": 25_000, "SAC": 10_000, "PPO": 0}.items():
        curve = step_curve("tianshou_control", "HalfCheetah", agent)
        assert {point.step - point.printed_step for point in curve if point.printed_step} == {uncounted}
    for source in ("sfujim_td3", "nnabla_rl_control", "spinningup_control"):
        table = published_table(source)
        assert (table["step"] == table["printed_step"]).all()


def test_the_reference_agent_of_each_source_has_a_value_where_it_counts_a_hundred() -> None:
    for source in RUNS:
        judge = find_judge(source)
        assert judge.reference_agent and judge.reference_step is not None
        for task in step_tasks(source):
            point = step_point(source, task, judge.reference_agent, judge.reference_step)
            assert (
                point.printed_step == 1_000_000 and point.mean > step_curve(source, task, judge.reference_agent)[0].mean
            )


def test_the_ceiling_of_a_two_point_task_is_the_highest_score_that_was_published() -> None:
    for task, ceiling in {"InvertedPendulum": 1000.0, "InvertedDoublePendulum": 9360.0}.items():
        assert two_point_ceiling(task) == ceiling
        scores = [max(point.scores) for point in step_curve("tianshou_control", task, "TD3")]
        assert max(scores) == pytest.approx(ceiling, abs=0.5) and fmean(scores) <= ceiling
    assert two_point_ceiling("Hopper") is None


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (",,3,1.0 2.0,", r"step 5: runs: found 2 of n 3, expected n, or their mean alone"),
        ("1.5,0.1,2,1.0 2.0,", r"step 5: runs: found 2 of n 2 beside a mean, expected n, or their mean alone"),
        (",,2,1.0 x,", r"step 5: runs: found 1\.0 x, expected numbers"),
        (",,3,,", r"step 5: runs: found 0 of n 3, expected n, or their mean alone"),
    ],
)
def test_a_damaged_row_is_one_line(tmp_path: Path, cells: str, message: str) -> None:
    head = "task,environment,agent,step,printed_step,mean,deviation,n,runs,statistic,episodes,noise,smoothing\n"
    (tmp_path / "curves_by_step").mkdir()
    content = f"{head}Hopper,Hopper-v1,mine,5,5,{cells}mean,10,none,none\n".encode()
    (tmp_path / "curves_by_step" / "mine_2030.csv.gz").write_bytes(gzip.compress(content, mtime=0))
    with pytest.raises(ReplicationError, match=message):
        step_curve("mine_2030", "Hopper", "mine", tmp_path)
