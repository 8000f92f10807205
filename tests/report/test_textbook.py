"""Tables and figures of the textbook's experiments: from no runs, and from what is committed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from replication.analysis.bundles import bundle_records
from replication.analysis.finished import FinishedRuns, load_runs
from replication.foundation.paths import WORKFLOW
from replication.report.figures import (
    corridor_curves,
    learning_and_limits,
    left_actions,
    measured_curves,
    mountain_car_curves,
    mountain_car_step_sizes,
    step_sizes,
)
from replication.report.figures import maze_settings as maze_settings_figure
from replication.report.pages.tables import ShownTable, verdicts
from replication.report.tables import (
    bias_statements,
    cliff_statements,
    corridor_statements,
    dyna_statements,
    exact_limits,
    maze_settings,
    mountain_car_statements,
    windy_statements,
)
from replication.report.tables.table import Table
from replication.specification.experiments import load_experiment

RESULTS = WORKFLOW.parent / "results"
BUILDERS = {
    "sutton_example_6_5": (windy_statements, measured_curves),
    "sutton_example_6_6": (cliff_statements, learning_and_limits),
    "sutton_figure_6_3": (exact_limits, step_sizes),
    "sutton_figure_6_5": (bias_statements, left_actions),
    "sutton_figure_8_2": (dyna_statements, measured_curves),
    "sutton_figure_8_4": (dyna_statements, maze_settings_figure),
    "sutton_figure_10_2": (mountain_car_statements, mountain_car_curves),
    "sutton_figure_10_3": (mountain_car_statements, mountain_car_curves),
    "sutton_figure_10_4": (mountain_car_statements, mountain_car_step_sizes),
    "sutton_figure_13_1": (corridor_statements, corridor_curves),
    "sutton_figure_13_2": (corridor_statements, corridor_curves),
    "sutton_figure_8_5": (maze_settings, maze_settings_figure),
}


def committed(name: str) -> FinishedRuns:
    return load_runs(load_experiment(name), RESULTS)


@pytest.mark.parametrize("name", BUILDERS)
def test_without_a_finished_run_there_is_nothing_to_show(name: str) -> None:
    experiment = load_experiment(name)
    none = FinishedRuns(experiment, Path("nowhere"), ())
    table, figure = BUILDERS[name]
    assert table.build(experiment, none).frame.empty
    assert figure.build(experiment, none).data.empty


def test_the_limits_are_replicated_at_every_step_size() -> None:
    frame = exact_limits.build(load_experiment("sutton_figure_6_3"), committed("sutton_figure_6_3")).frame
    assert len(frame) == 30 and frame.groupby("agent").size().tolist() == [10, 10, 10]
    judged = frame[frame["agent"] != "SARSA"]
    assert set(judged["verdict"]) == {"replicated"} and set(judged["exact"].round(2)) == {-50.80, -20.71}
    for row in judged.to_dict("records"):
        assert row["ours_low"] <= row["exact"] <= row["ours_high"]
        assert row["ours_high"] - row["ours_low"] < abs(row["nearest_rival_value"] - row["exact"])
    assert set(frame[frame["agent"] == "SARSA"]["verdict"]) == {"no reference"}


def test_every_statement_about_the_cliff_is_tested() -> None:
    finished = committed("sutton_figure_6_3")
    frame = cliff_statements.build(finished.experiment, finished).frame
    assert len(frame) == 7 and set(frame["verdict"]) == {"replicated"}
    assert frame["comparisons"].tolist() == [10, 10, 9, 10, 20, 20, 9]
    example = committed("sutton_example_6_6")
    (row,) = cliff_statements.build(example.experiment, example).frame.to_dict("records")
    assert row["verdict"] == "replicated" and row["ours"].startswith("-28.4 against -49.6")


def test_a_statement_that_the_runs_deny_differs() -> None:
    """With the two algorithms exchanged, the statement about them is the opposite of what was found."""
    finished = committed("sutton_example_6_6")
    records = {record.run.variant.module: record for record in bundle_records(finished)}
    exchanged = [pd.DataFrame(records[name].curve) for name in ("sarsa", "q_learning")]
    swapped = [
        type(records[name])(**(vars(records[name]) | {"curve": curve}))
        for name, curve in zip(("q_learning", "sarsa"), exchanged, strict=True)
    ]
    (statement,) = cliff_statements._of_the_example(swapped)
    assert statement.word == "differs"


def test_the_figure_draws_every_record_and_the_limits() -> None:
    finished = committed("sutton_figure_6_3")
    data = step_sizes.build(finished.experiment, finished).data
    points = data[data["step_size"].notna()]
    assert len(points) == 60 and set(points["runs"]) == {10.0, 2_000.0}
    for record in bundle_records(finished):
        same = points[(points["step_size"] == exact_limits.step_size_of(record.run))
                      & (points["episodes"] == record.run.budget.episodes)
                      & (points["agent"] == exact_limits.algorithm_title(record.run))]  # fmt: skip
        assert same["mean"].tolist() == [record.mean]
    assert data[data["step_size"].isna()]["mean"].round(2).tolist() == [-50.80, -20.71]


def test_a_window_s_error_is_at_most_that_of_its_points() -> None:
    (record, *_) = bundle_records(committed("sutton_example_6_6"))
    window, whole = record.window(1, 500), record.score
    assert window.mean == pytest.approx(whole.mean) and window.standard_error >= whole.standard_error
    rise = record.gained(100, 200)
    ends = [record.window(point, point) for point in (100, 200)]
    assert rise.mean == ends[1].mean - ends[0].mean
    assert rise.standard_error == sum(end.standard_error for end in ends)
    assert record.gained(0, 200).mean == ends[1].mean


@pytest.mark.parametrize(
    ("columns", "word", "meaning"),
    [
        (["agent", "nearest rival", "verdict", "reason"], "differs", "The interval does not contain the exact value."),
        (["statement", "verdict"], "differs", "The opposite of what the text says is."),
    ],
)
def test_the_page_says_what_a_verdict_means_in_its_table(columns: list[str], word: str, meaning: str) -> None:
    row = [word if column == "verdict" else "" for column in columns]
    (shown,) = verdicts(ShownTable("some", "", columns, [row], [dict(zip(columns, row, strict=True))]))
    assert (shown.word, shown.rows, shown.meaning) == (word, 1, meaning)


def test_a_table_of_statements_is_readable_as_text() -> None:
    finished = committed("sutton_figure_8_2")
    table: Table = dyna_statements.build(finished.experiment, finished)
    (row,) = table.frame.to_dict("records")
    assert row["verdict"] == "replicated" and "first near-optimal episode" in row["ours"]
    assert list(table.files()) == ["csv", "md", "tex"]


@pytest.mark.parametrize(("name", "ahead"), [("sutton_figure_8_4", 14), ("sutton_figure_8_5", 11)])
def test_which_agent_is_ahead_in_a_maze_depends_on_what_the_book_leaves_open(name: str, ahead: int) -> None:
    finished = committed(name)
    table = maze_settings.build(finished.experiment, finished)
    frame = table.frame
    assert len(frame) == 27 == len(frame[["planning_steps", "step_size", "bonus"]].drop_duplicates())
    assert frame["difference"].to_list() == pytest.approx((frame["dyna_q_plus"] - frame["dyna_q"]).to_list())
    assert (frame["ahead"] == "Dyna-Q+").sum() <= ahead == (frame["difference"] > 0.0).sum()
    assert f"{(frame['ahead'] == 'Dyna-Q+').sum()} Dyna-Q+" in table.caption
    for row in frame.to_dict("records"):
        word = {True: "Dyna-Q+", False: "Dyna-Q"}[row["difference"] > 0.0]
        assert row["ahead"] == (word if row["difference_low"] * row["difference_high"] > 0.0 else "not told apart")
    drawn = maze_settings_figure.build(finished.experiment, finished)
    assert len([axes for axes in drawn.figure.axes if axes.get_title(loc="left")]) == 9
    assert sum("first pair" in axes.get_title(loc="left") for axes in drawn.figure.axes) == 1
    assert len(drawn.data.groupby(["planning_steps", "step_size", "bonus"])) == 36


def test_more_steps_learn_the_mountain_car_faster_and_better() -> None:
    finished = committed("sutton_figure_10_3")
    frame = mountain_car_statements.build(finished.experiment, finished).frame
    assert frame["verdict"].tolist() == ["replicated"] * 2 and frame["ours"].tolist()[0] == "239.8 against 283.9"
    data = mountain_car_curves.build(finished.experiment, finished).data
    assert set(data["agent"]) == {"n = 1, α = 0.5/8", "n = 8, α = 0.3/8"} and data["mean"].min() > 100.0


def test_a_baseline_learns_the_corridor_faster_unless_it_begins_where_there_is_nothing_to_learn() -> None:
    finished = committed("sutton_figure_13_2")
    frame = corridor_statements.build(finished.experiment, finished).frame
    assert frame["verdict"].tolist() == ["replicated", "inconclusive", "replicated"]
    assert "1 of 200 runs with episodes that were cut" in frame["ours"].tolist()[2]


def test_q_learning_goes_left_and_double_q_learning_less() -> None:
    finished = committed("sutton_figure_6_5")
    frame = bias_statements.build(finished.experiment, finished).frame
    assert len(frame) == 16 and frame["verdict"].tolist()[:4] == ["replicated"] * 2 + ["inconclusive", "replicated"]
    data = left_actions.build(finished.experiment, finished).data
    first = data[(data["point"] == 1)]["mean"]
    assert len(first) == 8 and all(abs(first - 50.0) < 2.5)
