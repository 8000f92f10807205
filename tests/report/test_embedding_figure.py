from __future__ import annotations

import numpy as np
import pandas as pd

from replication.analysis.finished import load_runs
from replication.report.figures.embedding import Panel, build, draw
from replication.report.figures.figure import house_style, settle, write_figure
from tests.support.finished_runs import change_record, finish, made_up_experiment


def test_points_are_drawn_and_described(tmp_path):
    experiment = made_up_experiment([{"games": ["pong", "breakout"]}])
    finish(experiment.runs()[0], tmp_path, points=50)
    result = build(experiment, load_runs(experiment, tmp_path))
    assert len(result.data) == 50
    assert set(result.data["game"]) == {"pong"}
    for said in ("50 states", "perplexity 30", "random seed 0", "no units", "1 of 2 trained runs"):
        assert said in result.caption
    panel, bar = result.figure.axes
    assert panel.get_title(loc="left") == "Pong, DQN (released program), seed 1"
    assert not panel.get_xticks().size and not panel.get_yticks().size
    assert "max Q" in bar.get_ylabel()


def test_screens_stand_above_and_below_the_points_at_a_size_that_is_read(tmp_path):
    points = pd.DataFrame({"x": range(12), "y": [n % 5 for n in range(12)], "value": [0.1 * n for n in range(12)]})
    screen = np.zeros((210, 160, 3), np.uint8)
    shown = Panel(made_up_experiment([{}]).runs()[0], 1, points, {n + 1: (n, screen) for n in range(12)})
    with house_style():
        figure = draw([shown])
    settle(figure)
    windows = [axes for axes in figure.axes if axes.get_images()]
    assert len(windows) == 12
    inches = [axes.get_position().width * figure.get_figwidth() for axes in windows]
    assert min(inches) * 96 > 120  # CSS pixels
    (points_axes,) = [axes for axes in figure.axes if len(axes.get_lines()) == 12]
    middle = points_axes.get_position()
    assert sum(axes.get_position().y0 >= middle.y1 for axes in windows) == 6
    assert sum(axes.get_position().y1 <= middle.y0 for axes in windows) == 6


def test_the_longest_four_are_shown(tmp_path):
    groups = [{"seeds": [1, 2, 3]}, {"games": ["breakout"], "seeds": [1, 2], "budget_frames": 800_000}]
    experiment = made_up_experiment(groups)
    for run in experiment.runs():
        finish(run, tmp_path, points=20)
    result = build(experiment, load_runs(experiment, tmp_path))
    shown = list(dict.fromkeys(zip(result.data["game"], result.data["seed"], strict=True)))
    assert shown == [("breakout", 1), ("breakout", 2), ("pong", 1), ("pong", 2)]
    assert "the 4 longest are shown" in result.caption


def test_settings_that_were_not_recorded_are_not_stated(tmp_path):
    experiment = made_up_experiment([{}])
    folder = finish(experiment.runs()[0], tmp_path, points=20)
    change_record(folder, '"embedding"', '"another"')
    assert "perplexity" not in build(experiment, load_runs(experiment, tmp_path)).caption


def test_without_an_embedding_it_says_so(tmp_path):
    experiment = made_up_experiment([{}])
    finish(experiment.runs()[0], tmp_path)
    result = build(experiment, load_runs(experiment, tmp_path))
    assert "0 of 1 trained runs" in result.caption
    assert result.data.empty


def test_two_builds_are_equal_to_the_byte(tmp_path):
    experiment = made_up_experiment([{"seeds": [1, 2]}])
    for run in experiment.runs():
        finish(run, tmp_path, points=40)
    first = write_figure(build(experiment, load_runs(experiment, tmp_path)), tmp_path / "1")
    second = write_figure(build(experiment, load_runs(experiment, tmp_path)), tmp_path / "2")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
