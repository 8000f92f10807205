"""Nature's Figures 2 and 3: what is drawn, in which order, and what is said of runs that are missing."""

from __future__ import annotations

import pandas as pd
import pytest

from replication.analysis.finished import load_runs
from replication.published.loader import published_table
from replication.report.figures import nature_figure2, nature_figure3
from replication.report.figures.agent_looks import experiment_looks
from replication.report.figures.figure import house_style, write_figure
from tests.support.finished_runs import finish, made_up_experiment

AGENT = "DQN (released program)"
FULL = {"budget_frames": 200_000_000}
RANDOM_AGENT = {"variants": ["random_10hz"], "budget_frames": None}


def test_figure_2_has_a_column_a_game_with_score_above_predicted_value(tmp_path):
    experiment = made_up_experiment([{"games": ["pong", "breakout", "alien"], "seeds": [1, 2]}])
    for run in experiment.runs()[:3]:
        finish(run, tmp_path)
    result = nature_figure2.build(experiment, load_runs(experiment, tmp_path))
    titles = [axes.get_title(loc="left") for axes in result.figure.axes]
    assert titles == ["Pong", "Breakout", "Alien", "", "", ""]
    found = load_runs(experiment, tmp_path)[0]
    pong = result.data.query("game == 'pong' and seed == 1")
    assert pong["epoch"].to_list() == (found.curve["step"] / 250_000).to_list()
    assert pong["predicted_value"].to_list() == found.curve["held_out_value"].to_list()
    lines = result.figure.axes[3].get_lines()
    assert len(lines) == 3  # two seeds and their mean
    assert [text.get_text() for text in result.figure.axes[2].texts] == ["no finished run"]
    for said in (
        "3 of 6 runs finished",
        "400,000 frames, protocol nature, seeds 1, 2",
        "125,000 steps at epsilon 0.05",
    ):
        assert said in result.caption
    assert "3 that completed no episode" in result.caption


def test_figure_2_shows_the_articles_score_at_its_place(tmp_path):
    experiment = made_up_experiment([FULL])
    finish(experiment.runs()[0], tmp_path)
    (above, _) = nature_figure2.build(experiment, load_runs(experiment, tmp_path)).figure.axes
    level = [line for line in above.get_lines() if line.get_linestyle() == "--"]
    assert level[0].get_ydata()[0] == 18.9  # Extended Data Table 2, Pong


def test_figure_2_of_a_short_run_shows_its_points_with_their_values_and_points_to_what_is_far(tmp_path):
    experiment = made_up_experiment([{}])
    data = pd.DataFrame([["pong", AGENT, 1, 1.0, 2.5, 3, 0.6]], columns=nature_figure2.COLUMNS)
    looks = experiment_looks(experiment)
    with house_style():
        above, below = nature_figure2.draw(data, ["pong"], {"pong": 18.9}, looks).axes
    assert {text.get_text() for text in above.texts} == {"2.5", "↑ published score after 200 epochs: 18.9"}
    assert [text.get_text() for text in below.texts] == ["0.6"]
    assert above.get_ylim()[1] < 5  # not stretched to 18.9
    assert above.get_figure().get_figwidth() < 5


def test_figure_3_is_sorted_by_the_printed_percentage_and_counts_human_level(tmp_path):
    experiment = made_up_experiment([FULL | {"games": ["pong", "alien"], "seeds": [1, 2]}, RANDOM_AGENT])
    for run in experiment.runs():
        if run.task.name == "pong":
            finish(run, tmp_path)
    result = nature_figure3.build(experiment, load_runs(experiment, tmp_path))
    printed = published_table("nature_2015_table2")["dqn_normalized_percent"].sort_values(ascending=False)
    dqn = result.data[result.data["series"] == "DQN"]
    assert dqn["normalized_percent"].to_list() == printed.to_list()
    games = dqn["game"].to_list()
    assert games.index("kung_fu_master") == games.index("freeway") - 1  # 102.4 both; 102.38 and 102.36
    assert result.data["game"].nunique() == 49
    ours = result.data[result.data["origin"] == "ours"].iloc[0]
    scores = [found.episodes["return"].mean() for found in load_runs(experiment, tmp_path)[:2]]
    assert ours["score"] == pytest.approx(sum(scores) / 2)
    # Extended Data Table 2, Pong: random -20.7, human 9.3. The interval is over the seeds.
    assert ours["normalized_percent"] == pytest.approx(100 * (ours["score"] + 20.7) / 30.0)
    assert ours["low"] < ours["normalized_percent"] < ours["high"]
    for said in ("29 of 49 games at 75 %", "1 of the 1 games that are finished are", "3 of 5 runs finished"):
        assert said in result.caption


def test_the_grey_bars_of_figure_3_are_as_long_as_the_articles(tmp_path):
    """Lengths read off the article's figure, within 6 %: the better of two linear learners in every game."""
    experiment = made_up_experiment([{}])
    result = nature_figure3.build(experiment, load_runs(experiment, tmp_path))
    linear = result.data[result.data["series"] == "best linear learner"].set_index("game")["normalized_percent"]
    measured = {"video_pinball": 330, "gopher": 99, "jamesbond": 83, "ice_hockey": 64, "robotank": 269, "krull": 219}
    for game, percent in measured.items():
        assert abs(linear[game] - percent) <= 7, game


def test_the_axis_of_figure_3_is_squeezed_and_back():
    values = nature_figure3.np.array([-20.0, 0.0, 600.0, 2_000.0])
    there = nature_figure3._squeezed(values)
    assert there.tolist() == [-20.0, 0.0, 600.0, 700.0]
    assert nature_figure3._unsqueezed(there).tolist() == values.tolist()


@pytest.mark.slow
@pytest.mark.parametrize("module", [nature_figure2, nature_figure3])
def test_nothing_finished_still_draws_twice_the_same(module, tmp_path):
    experiment = made_up_experiment([{}])
    one = write_figure(module.build(experiment, load_runs(experiment, tmp_path)), tmp_path / "1")
    two = write_figure(module.build(experiment, load_runs(experiment, tmp_path)), tmp_path / "2")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    assert "0 of 1 runs finished" in one[-1].read_text()
