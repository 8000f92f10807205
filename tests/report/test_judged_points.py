"""A run judged after several lengths of training: a row and a comparison for each, in every table and figure."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from replication.analysis.agent_scores import agent_scores
from replication.analysis.aggregate_curves import aggregate_curves
from replication.analysis.finished import load_runs
from replication.analysis.judged_cells import judged_table
from replication.analysis.learning_curves import learning_curves
from replication.foundation.errors import ReplicationError
from replication.published.curves import training_curve
from replication.published.references import reference_set
from replication.report.figures.learning_curves import build as draw_curves
from replication.report.tables import power, scores, verdict_errors
from replication.specification.experiments import Experiment
from tests.support.finished_runs import finish, made_up_experiment

REFERENCES = reference_set("atari57_30min")
RAINBOW = {"source": "dopamine_curves", "algorithm": "Rainbow", "agents": {"rainbow_dopamine": "Rainbow"}}
OPTIMIZERS = {
    "source": "dopamine_curves",
    "algorithm": "DQN",
    "agents": {"dqn_dopamine": "DQN", "dqn_dopamine_adam": "DQN_Adam_MSE_JAX"},
}


def experiment_of(*groups: dict[str, object], published: dict[str, object] = RAINBOW) -> Experiment:
    """Of Dopamine's agents; each group is given by what differs from two seeds of Rainbow on Pong, three iterations."""
    usual = {"variants": ["rainbow_dopamine"], "seeds": [1, 2], "budget_frames": None, "budget_iterations": 3}
    return made_up_experiment([usual | group for group in groups], reference_set="atari57_30min", published=published)


def finished_in(experiment: Experiment, results: Path) -> Path:
    for run in experiment.runs():
        finish(run, results)
    return results


def mean_returns(experiment: Experiment, results: Path) -> pd.DataFrame:
    """Iterations by runs."""
    return pd.concat([found.iterations["mean_return"] for found in load_runs(experiment, results)], axis=1)


def test_each_point_is_a_row_with_its_frames_beside_the_published_score_of_as_many(tmp_path: Path) -> None:
    experiment = experiment_of({"judge_at": [1, 3]})
    returns = mean_returns(experiment, finished_in(experiment, tmp_path))
    table = scores.build(experiment, load_runs(experiment, tmp_path))
    rows = table.printed().to_dict("records")
    assert [row["agent"] for row in rows] == [f"Rainbow (Dopamine), {n}" for n in ("1 iteration", "3 iterations")]
    assert [row["frames"] for row in rows] == ["1,000,000", "3,000,000"]
    assert [row["seeds"] for row in rows] == ["2 of 2"] * 2
    curve = training_curve("dopamine_curves", "pong", "Rainbow").set_index("frames_millions")["score_mean"]
    for row, point in zip(rows, (1, 3), strict=True):
        assert row["ours"] == f"{returns.loc[point - 1].mean():.1f}"
        assert row["published"] == f"{curve[point]:.1f}" and row["verdict"] != "no reference"
    assert set(table.frame["comparisons"]) == {2} and "hold over the table: 2 comparisons" in table.caption
    assert "3 iterations of at least 250,000 steps, judged after iterations 1 and 3, protocol" in table.caption


def test_every_point_counts_in_the_level_and_in_the_tables_of_power_and_errors(tmp_path: Path) -> None:
    experiment = experiment_of({"judge_at": [1, 2, 3]}, {"games": ["krull"], "judge_at": [2]})
    finished_in(experiment, tmp_path)
    judged = judged_table(experiment, load_runs(experiment, tmp_path))
    # After two million frames Pong's published runs are not clearly above random play: 0.13 beside an error of 0.19.
    assert len(judged.cells) == 4 and judged.family.comparisons == 3
    assert power.build(experiment, load_runs(experiment, tmp_path)).printed()["agent"].to_list() == [
        f"Rainbow (Dopamine), {n}" for n in ("2 iterations", "1 iteration", "2 iterations", "3 iterations")
    ]
    assert (
        "tables of its 3 informative comparisons"
        in verdict_errors.build(experiment, load_runs(experiment, tmp_path)).caption
    )


def test_without_points_a_run_is_judged_at_its_end_and_nothing_is_said(tmp_path: Path) -> None:
    plain, named = experiment_of({}), experiment_of({"judge_at": [3]})
    finished_in(plain, tmp_path)
    table = scores.build(plain, load_runs(plain, tmp_path))
    assert table.printed()["agent"].to_list() == ["Rainbow (Dopamine)"] and table.printed()["frames"].to_list() == [
        "3,000,000"
    ]
    assert table.caption == scores.build(named, load_runs(named, tmp_path)).caption
    assert "judged after" not in table.caption
    assert draw_curves(plain, load_runs(plain, tmp_path)).data["series"].isin(["judged"]).sum() == 0


def test_a_run_may_be_judged_before_its_end_alone(tmp_path: Path) -> None:
    experiment = experiment_of({"judge_at": [2]})
    returns = mean_returns(experiment, finished_in(experiment, tmp_path))
    (row,) = scores.build(experiment, load_runs(experiment, tmp_path)).printed().to_dict("records")
    assert (row["agent"], row["frames"]) == ("Rainbow (Dopamine)", "2,000,000")
    assert row["ours"] == f"{returns.loc[1].mean():.1f}"


def test_points_of_one_agent_are_no_learning_rates_to_choose_from(tmp_path: Path) -> None:
    experiment = experiment_of({"judge_at": [1, 2]})
    finish(experiment.runs()[0], tmp_path)
    table = scores.build(experiment, load_runs(experiment, tmp_path))
    assert "learning rates" not in table.caption
    assert not table.printed()["reason"].str.contains("learning rates").any()


def test_aggregates_are_made_of_the_scores_at_each_point_and_curves_end_there(tmp_path: Path) -> None:
    experiment = experiment_of({"games": ["krull", "pong"], "judge_at": [1, 3]})
    finished_in(experiment, tmp_path)
    agents = agent_scores(experiment, load_runs(experiment, tmp_path), REFERENCES)
    assert [agent.title for agent in agents] == [f"Rainbow (Dopamine), {n}" for n in ("1 iteration", "3 iterations")]
    assert [agent.games for agent in agents] == [("krull", "pong")] * 2
    assert agents[0].scores is not None and agents[1].scores is not None
    assert (agents[0].scores != agents[1].scores).all()
    ends = aggregate_curves(agents, REFERENCES).groupby("agent")["frames"].max()
    assert ends.to_list() == [1_001_200, 3_003_600]


def test_the_points_are_marked_in_the_figure_of_learning_curves(tmp_path: Path) -> None:
    experiment = experiment_of({"judge_at": [1, 3]})
    returns = mean_returns(experiment, finished_in(experiment, tmp_path))
    result = draw_curves(experiment, load_runs(experiment, tmp_path))
    marked = result.data[result.data["series"] == "judged"]
    assert marked["frames"].to_list() == [1_001_200, 3_003_600]
    assert marked["value"].to_list() == pytest.approx(returns.loc[[0, 2]].mean(axis=1).to_list())
    rings = [line for line in result.figure.axes[0].lines if line.get_markerfacecolor() == "none"]
    assert [line.get_xdata().tolist() for line in rings] == [[1.0012, 3.0036]]
    assert "Rings mark where runs are judged." in result.caption
    assert "where runs are judged" in [text.get_text() for text in result.figure.legends[0].texts]


def test_two_agents_stand_beside_the_published_curve_of_each(tmp_path: Path) -> None:
    group = {"variants": ["dqn_dopamine", "dqn_dopamine_adam"], "games": ["breakout"], "budget_iterations": 2}
    experiment = experiment_of(group, published=OPTIMIZERS)
    finished_in(experiment, tmp_path)
    curves = {agent: training_curve("dopamine_curves", "breakout", agent) for agent in ("DQN", "DQN_Adam_MSE_JAX")}
    rows = scores.build(experiment, load_runs(experiment, tmp_path)).printed()
    assert rows["agent"].to_list() == ["DQN (Dopamine)", "DQN with Adam (Dopamine)"]
    assert rows["published"].to_list() == [f"{curve['score_mean'][1]:.1f}" for curve in curves.values()]
    table = learning_curves(experiment, load_runs(experiment, tmp_path), 100_000)
    for agent, curve in curves.items():
        band = table[table["series"] == f"published curve, {agent}"]
        assert band["low"].to_list() == curve["score_min"].to_list()
    result = draw_curves(experiment, load_runs(experiment, tmp_path))
    broken = [line.get_color() for line in result.figure.axes[0].lines if line.get_linestyle() == "--"]
    ours = [text.get_color() for text in result.figure.legends[0].get_lines()]
    assert set(broken[:2]) == set(ours[:2]) and len(set(broken[:2])) == 2
    assert "published runs of each agent (DQN, DQN_Adam_MSE_JAX)" in result.caption


def test_an_agent_that_no_curve_is_named_for_has_no_reference(tmp_path: Path) -> None:
    group = {"variants": ["dqn_dopamine", "rainbow_dopamine"], "budget_iterations": 1}
    experiment = experiment_of(group)
    table = scores.build(experiment, load_runs(experiment, tmp_path))
    reasons = dict(zip(table.printed()["agent"], table.printed()["reason"], strict=True))
    assert reasons["DQN (Dopamine)"] == "no published curve is named for this agent"


def test_a_run_that_lacks_the_iteration_is_refused_in_one_line(tmp_path: Path) -> None:
    experiment = experiment_of({"seeds": [1], "judge_at": [1, 2]})
    folder = finish(experiment.runs()[0], tmp_path)
    rows = (folder / "iterations.csv").read_text().splitlines(keepends=True)
    (folder / "iterations.csv").write_text("".join([rows[0], *rows[2:]]))
    with pytest.raises(ReplicationError, match=r"iterations\.csv: iteration 0: found 0 rows, expected one; remove"):
        scores.build(experiment, load_runs(experiment, tmp_path))
