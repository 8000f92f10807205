"""The score table, the figure and the page of runs that are judged at agent steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from replication.analysis.finished import load_runs
from replication.published.curves_by_step import step_curve
from replication.report.figures import curves_by_step
from replication.report.pages.tables import ShownTable, severity
from replication.report.tables import scores_by_step
from replication.specification.experiments import Experiment, load_experiment
from tests.support.control_runs import control_experiment, write_control_run

GROUPS = [{"budget_steps": 100_000}, {"tasks": ["inverted_pendulum"], "budget_steps": 50_000}]
ENDS = {"half_cheetah": [5_400.0, 5_700.0, 5_300.0, 5_900.0, 5_200.0], "inverted_pendulum": [1000.0] * 5}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Experiment, Path]:
    experiment, results = control_experiment(GROUPS), tmp_path_factory.mktemp("results")
    for run in experiment.runs():
        write_control_run(run, results, {0: -1.5, run.training_steps: ENDS[run.task.name][run.seed - 1]})
    return experiment, results


def test_a_row_has_both_sides_run_by_run_at_its_step(made: tuple[Experiment, Path]) -> None:
    experiment, results = made
    table = scores_by_step.build(experiment, load_runs(experiment, results))
    cheetah, pendulum = table.frame.to_dict("records")
    assert (cheetah["task"], cheetah["agent"], cheetah["step"]) == ("Half cheetah", "TD3 (2018)", 100_000)
    assert (cheetah["score"], cheetah["published"]) == pytest.approx((5_500.0, 5_513.5))
    assert (cheetah["published_runs"], cheetah["verdict"], cheetah["printed_step"]) == (10, "replicated", 100_000)
    assert cheetah["reference"] == pytest.approx(9567, abs=1)
    assert cheetah["scaled"] == pytest.approx(100 * (5_500 + 1.53362) / (9566.7 + 1.53362), abs=0.01)
    assert (pendulum["verdict"], pendulum["published_deviation"]) == ("consistent", 0.0)
    assert "Inverted pendulum: published runs are of two outcomes" in table.caption
    assert "2 comparisons" in table.caption and "the untrained policies of the authors' runs of TD3" in table.caption
    assert "does not count" not in table.caption
    shown = ShownTable("scores_by_step", "", [], [], [{k: str(v) for k, v in cheetah.items()}])
    assert severity(shown) == [
        "TD3 (2018): Half cheetah at step 100,000: every other agent that was tried is ruled out."
    ]


def test_steps_that_a_source_does_not_count_are_said(tmp_path: Path) -> None:
    experiment = load_experiment("ddpg_sources_tianshou")
    table = scores_by_step.build(experiment, load_runs(experiment, tmp_path))
    assert set(table.frame["step"]) == {125_000} and set(table.frame["printed_step"]) == {100_000}
    assert set(table.frame["verdict"]) == {"not run"}
    assert "does not count its first 25,000 steps, in which actions are random" in table.caption


def test_without_a_source_nothing_has_a_reference(tmp_path: Path) -> None:
    experiment = control_experiment([{}], published=None)
    table = scores_by_step.build(experiment, load_runs(experiment, tmp_path))
    assert set(table.frame["verdict"]) == {"no reference"} and "Nothing here has a reference." in table.caption


def test_each_run_of_ours_is_drawn_over_each_published_one(made: tuple[Experiment, Path]) -> None:
    experiment, results = made
    drawn = curves_by_step.build(experiment, load_runs(experiment, results))
    data = drawn.data
    cheetah = data[data["task"] == "Half cheetah"]
    published = cheetah[cheetah["series"] == "published run"]
    assert published["run"].nunique() == 10 and published["step"].max() == 130_000
    point = step_curve("sfujim_td3", "HalfCheetah", "TD3")[20]
    at = published[published["step"] == point.step].sort_values("run")
    assert tuple(at["value"]) == point.scores
    ours = cheetah[cheetah["series"] == "ours"]
    assert ours["run"].nunique() == 5 and len(ours) == 5 * 21
    rings = data[data["series"] == "judged"]
    assert rings["step"].tolist() == [100_000, 50_000] and rings["value"].tolist() == pytest.approx([5_500.0, 1000.0])
    panels = {axes.get_title(loc="left"): axes for axes in drawn.figure.axes}
    assert panels.keys() == {"Half cheetah", "Inverted pendulum"}
    low, high = panels["Half cheetah"].get_ylim()
    assert low < published["value"].min() and high > published["value"].max()
    assert "each of 10 published runs" in drawn.caption and "steps" in drawn.caption


def test_nothing_finished_is_drawn_as_the_published_runs_alone(tmp_path: Path) -> None:
    experiment = control_experiment(GROUPS)
    drawn = curves_by_step.build(experiment, load_runs(experiment, tmp_path))
    assert set(drawn.data["series"]) == {"published run", "published mean"} and "0 of 10 runs finished" in drawn.caption
