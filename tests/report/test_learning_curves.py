from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from replication.analysis.finished import load_runs
from replication.analysis.learning_curves import learning_curves, moving_mean, smoothing_window_frames
from replication.published.curves import training_curve
from replication.report.figures.figure import AGENT_COLORS, write_figure
from replication.report.figures.learning_curve_panels import EACH_SEED, PUBLISHED_BAND, PUBLISHED_MEAN
from replication.report.figures.learning_curves import build, layout
from replication.report.figures.legends import color_of, drawn_entries
from replication.report.figures.sheet import Sheet, drawn_on
from tests.support.finished_runs import finish, made_up_experiment

RANDOM_AGENT = {"variants": ["random_10hz"], "budget_frames": None}


def table_of(experiment, results) -> pd.DataFrame:
    return learning_curves(experiment, load_runs(experiment, results), 20_000)


def test_moving_mean_takes_what_ended_in_the_window():
    ends, values = np.array([10.0, 20.0, 30.0, 80.0]), np.array([1.0, 2.0, 6.0, 5.0])
    # Windows (-20, 10], (0, 30], (10, 40], (30, 60] and (50, 80]; the fourth is empty.
    found = moving_mean(ends, values, np.array([10.0, 30.0, 40.0, 60.0, 80.0]), 30.0)
    assert found[[0, 1, 2, 4]] == pytest.approx([1.0, 3.0, 4.0, 5.0])
    assert np.isnan(found[3])


@pytest.mark.parametrize(
    ("longest", "window"),
    [(0, 1), (120_000, 10_000), (400_000, 20_000), (1_000_001, 100_000), (200_000_000, 10_000_000)],
)
def test_the_window_is_a_round_number(longest, window):
    assert smoothing_window_frames(longest) == window


def test_seeds_are_averaged_and_their_interval_is_over_seeds(tmp_path):
    experiment = made_up_experiment([{"seeds": [1, 2]}])
    for run, scores in zip(experiment.runs(), ([10, 20], [30, 40]), strict=True):
        folder = finish(run, tmp_path)
        rows = "".join(f"{i},{score},100,terminated\n" for i, score in enumerate(scores))
        (folder / "scores.csv").write_text("episode,return,frames,ending\n" + rows)
        returns = f"0,50000,{scores[0]},100,terminated\n1,100000,{scores[1]},100,terminated\n"
        (folder / "training.csv").write_text("episode,end_step,raw_return,frames,ending\n" + returns)
    table = table_of(experiment, tmp_path)
    final = table[table["series"] == "final"].iloc[0]
    # Scores 15 and 35: mean 25, standard error 10, t(0.975, 1) = 12.706.
    assert (final["frames"], final["value"]) == (400_000, 25)
    assert [final["low"], final["high"]] == pytest.approx([25 - 127.06, 25 + 127.06], abs=0.01)
    mean = table[(table["series"] == "training mean") & table["value"].notna()].set_index("frames")["value"]
    assert (mean[200_000], mean[400_000]) == (20, 30)
    assert mean.index.min() == 200_000  # nothing before the first episode ends


def test_one_seed_has_an_interval_over_episodes_and_no_mean(tmp_path):
    experiment = made_up_experiment([{}])
    folder = finish(experiment.runs()[0], tmp_path)
    (folder / "scores.csv").write_text(
        "episode,return,frames,ending\n0,1,9,terminated\n1,3,9,terminated\n2,5,9,truncated\n"
    )
    table = table_of(experiment, tmp_path)
    final = table[table["series"] == "final"].iloc[0]
    # Standard deviation 2, t(0.975, 2) = 4.3027: half width 4.3027 * 2 / sqrt(3).
    assert [final["value"], final["high"]] == pytest.approx([3, 3 + 4.9684], abs=1e-3)
    assert "training mean" not in set(table["series"])


def test_an_evaluation_without_episodes_has_no_point(tmp_path):
    experiment = made_up_experiment([{}])
    finish(experiment.runs()[0], tmp_path)
    table = table_of(experiment, tmp_path)
    assert len(table[table["series"] == "evaluation"]) == 4  # of 5


def test_references_and_the_published_score_are_of_the_game(tmp_path):
    levels = table_of(made_up_experiment([{}]), tmp_path).set_index("series")["value"]
    # Mnih et al. 2015, Extended Data Table 2, Pong.
    assert levels.to_dict() == {"random": -20.7, "human": 9.3, "published": 18.9}


def test_the_random_agents_published_score_is_not_drawn_twice(tmp_path):
    published = {"source": "nature_2015_table2", "algorithm": "random"}
    assert set(table_of(made_up_experiment([{}], published=published), tmp_path)["series"]) == {"random", "human"}


def test_the_random_agent_is_a_level(tmp_path):
    experiment = made_up_experiment([{}, RANDOM_AGENT | {"seeds": [1, 2]}])
    for run in experiment.runs()[1:]:
        finish(run, tmp_path)
    bands = table_of(experiment, tmp_path).query("series == 'agent'")
    assert len(bands) == 1  # the episodes of both seeds together
    assert bands["low"].item() < bands["value"].item() < bands["high"].item()


@pytest.mark.slow
def test_iterations_stand_beside_the_published_band(tmp_path):
    experiment = made_up_experiment(
        [{"variants": ["dqn_dopamine"], "budget_frames": None, "budget_iterations": 2, "seeds": [1, 2]}],
        reference_set="atari57_30min",
        published={"source": "dopamine_curves", "algorithm": "DQN"},
    )
    for run in experiment.runs():
        finish(run, tmp_path)
    table = table_of(experiment, tmp_path)
    band = table[table["series"] == "published curve"]
    curve = training_curve("dopamine_curves", "pong", "DQN")
    assert band["frames"].iloc[0] == 1e6
    assert band["low"].to_list() == curve["score_min"].to_list()
    assert "training" not in set(table["series"])
    mean = table[table["series"] == "iteration mean"]
    seeds = table[table["series"] == "iteration"]
    assert mean["frames"].to_list() == [1_001_200, 2_002_400]
    assert mean["value"].iloc[1] == pytest.approx(seeds[seeds["frames"] == 2_002_400]["value"].mean())
    assert "2 iterations" in build(experiment, load_runs(experiment, tmp_path)).caption


def test_a_published_curve_is_seen_beyond_a_single_iteration(tmp_path):
    run = {"variants": ["dqn_dopamine"], "budget_frames": None, "budget_iterations": 1}
    experiment = made_up_experiment([run], published={"source": "dopamine_curves", "algorithm": "DQN"})
    finish(experiment.runs()[0], tmp_path)
    (axes,) = build(experiment, load_runs(experiment, tmp_path)).figure.axes
    assert axes.get_xlim()[1] > 2.0  # million frames: two published points


def test_agents_of_one_variant_are_told_apart(tmp_path):
    experiment = made_up_experiment([{"budget_frames": 400_000}, {"budget_frames": 800_000}])
    for run in experiment.runs():
        finish(run, tmp_path)
    agents = set(table_of(experiment, tmp_path)["agent"]) - {""}
    assert agents == {"DQN (released program), 400,000 frames", "DQN (released program), 800,000 frames"}


def test_a_part_of_an_experiment_says_so(tmp_path):
    experiment = made_up_experiment([{"games": ["pong", "breakout"], "seeds": [1, 2]}])
    finish(experiment.runs()[0], tmp_path)
    result = build(experiment, load_runs(experiment, tmp_path))
    assert "1 of 4 runs finished" in result.caption
    titles = [axes.get_title(loc="left") for axes in result.figure.axes]
    assert titles == ["Pong (1 of 2 runs)", "Breakout (0 of 2 runs)"]
    assert set(result.data.query("game == 'breakout'")["agent"]) == {""}


def test_the_caption_says_what_is_drawn_and_nothing_else(tmp_path):
    experiment = made_up_experiment([{}, RANDOM_AGENT])
    for run in experiment.runs():
        finish(run, tmp_path)
    caption = build(experiment, load_runs(experiment, tmp_path)).caption
    for said in (
        "400,000 frames, protocol nature, seed 1",
        "the last 20,000 frames",
        "Mnih et al. 2015, Extended Data Table 2",
        "after 200 million frames: it is no reference",
        "Agents that do not train",
    ):
        assert said in caption
    assert "bold" not in caption  # one seed
    assert "band spans" not in caption


def test_at_the_full_budget_the_published_score_is_a_reference(tmp_path):
    experiment = made_up_experiment([{"budget_frames": 200_000_000}])
    finish(experiment.runs()[0], tmp_path)
    assert "no reference" not in build(experiment, load_runs(experiment, tmp_path)).caption


def test_nothing_finished_still_draws(tmp_path):
    experiment = made_up_experiment([{}])
    result = build(experiment, load_runs(experiment, tmp_path / "nothing"))
    assert "0 of 1 runs" in result.caption
    assert len(write_figure(result, tmp_path / "drawn")) == 4


def test_two_builds_are_equal_to_the_byte(tmp_path):
    experiment = made_up_experiment([{"games": ["pong", "breakout"], "seeds": [1, 2]}, RANDOM_AGENT])
    for run in experiment.runs():
        finish(run, tmp_path)
    first = write_figure(build(experiment, load_runs(experiment, tmp_path)), tmp_path / "1")
    second = write_figure(build(experiment, load_runs(experiment, tmp_path)), tmp_path / "2")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


@pytest.mark.parametrize("panels", [1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 49])
def test_every_number_of_panels_has_room_for_its_labels(panels):
    plan = layout(panels)
    assert 10.0 / plan.columns - plan.label_width > 2.0
    with drawn_on(Sheet(width_inches=3.3)):
        assert layout(panels).columns == 1


def lines_of(axes) -> list:
    return [line for line in axes.get_lines() if not line.get_label().startswith("_")]


def test_one_agent_has_one_color_and_siblings_differ_by_line(tmp_path):
    runs = [{"games": ["pong"], "seeds": [1, 2]}, {"games": ["breakout"], "budget_frames": 800_000}]
    experiment = made_up_experiment([*runs, {"variants": ["double_dqn"]}])
    for run in experiment.runs():
        finish(run, tmp_path)
    figure = build(experiment, load_runs(experiment, tmp_path)).figure
    of = {}
    for axes in figure.axes:
        for line in lines_of(axes):
            if "evaluation" not in line.get_label():
                of.setdefault(line.get_label(), set()).add((line.get_color(), line.is_dashed()))
    short, long = "DQN (released program), 400,000 frames", "DQN (released program), 800,000 frames"
    assert of[short] == {(AGENT_COLORS[0], False)}
    assert of[long] == {(AGENT_COLORS[0], True)}
    assert of["Double DQN"] == {(AGENT_COLORS[1], False)}


def test_colors_do_not_depend_on_what_is_finished(tmp_path):
    experiment = made_up_experiment([{}, {"variants": ["double_dqn"]}])
    finish(experiment.runs()[1], tmp_path)
    (axes,) = build(experiment, load_runs(experiment, tmp_path)).figure.axes
    assert {line.get_color() for line in lines_of(axes)} == {AGENT_COLORS[1]}


def test_the_legend_shows_what_is_drawn_in_its_colors_and_nothing_else(tmp_path):
    experiment = made_up_experiment([{"seeds": [1, 2]}, {"variants": ["double_dqn"]}])
    for run in experiment.runs():
        finish(run, tmp_path)
    figure = build(experiment, load_runs(experiment, tmp_path)).figure
    (legend,) = figure.legends
    drawn = drawn_entries(figure.axes)
    shown = {text.get_text() for text in legend.get_texts()}
    assert shown == drawn.keys()
    assert shown >= {"DQN (released program)", "Double DQN", EACH_SEED, "periodic evaluation"}
    # Two agents are evaluated: both of their colors stand before the words.
    assert {color_of(line) for line in drawn["periodic evaluation"]} == {c.lower() for c in AGENT_COLORS[:2]}
    in_legend = {color_of(line) for line in legend.get_lines()} | {color_of(p) for p in legend.get_patches()}
    assert in_legend <= {color_of(artist) for artists in drawn.values() for artist in artists}


def test_a_published_curve_is_left_out_beyond_the_axis_and_never_cut(tmp_path):
    run = {"variants": ["dqn_dopamine"], "budget_frames": None, "budget_iterations": 1, "seeds": [1, 2]}
    experiment = made_up_experiment([run], published={"source": "dopamine_curves", "algorithm": "DQN"})
    for one in experiment.runs():
        finish(one, tmp_path)
    (axes,) = build(experiment, load_runs(experiment, tmp_path)).figure.axes
    (end, (low, high)) = (axes.get_xlim()[1], axes.get_ylim())
    (band,) = [area for area in axes.collections if area.get_label() == PUBLISHED_BAND]
    corners = band.get_paths()[0].vertices
    assert corners[:, 0].max() <= end
    assert low <= corners[:, 1].min() and corners[:, 1].max() <= high
    for line in lines_of(axes):
        assert max(line.get_xdata()) <= end
        assert low <= min(line.get_ydata()) and max(line.get_ydata()) <= high
    (mean,) = [line for line in lines_of(axes) if line.get_linewidth() > 2]
    assert mean.get_marker() == "o"  # a line through one point is not seen


def test_a_published_curve_is_drawn_before_any_run_is_finished(tmp_path):
    run = {"variants": ["dqn_dopamine"], "budget_frames": None, "budget_iterations": 3}
    experiment = made_up_experiment([run], published={"source": "dopamine_curves", "algorithm": "DQN"})
    result = build(experiment, load_runs(experiment, tmp_path))
    assert {PUBLISHED_MEAN, PUBLISHED_BAND} == drawn_entries(result.figure.axes).keys()
    assert "5 runs" in result.caption


def test_more_games_than_can_be_read_are_in_a_second_image_the_finished_ones_first(tmp_path):
    experiment = made_up_experiment([{"games": "nature49"}])
    last = experiment.runs()[-1]
    finish(last, tmp_path)
    result = build(experiment, load_runs(experiment, tmp_path))
    assert [len(result.figure.axes), len(result.rest.axes)] == [12, 37]
    assert result.figure.axes[0].get_title(loc="left") == last.task.title
    assert "the other 37 games are in a second image" in result.caption


def test_the_second_image_goes_when_it_is_not_needed(tmp_path):
    experiment = made_up_experiment([{}])
    result = build(experiment, load_runs(experiment, tmp_path))
    paths = write_figure(replace(result, rest=result.figure), tmp_path)
    assert [path.name for path in paths[4:]] == ["learning_curves_rest.svg", "learning_curves_rest.png"]
    write_figure(result, tmp_path)
    assert not any(path.exists() for path in paths[4:])


def test_labels_stay_inside_the_figure(tmp_path):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    experiment = made_up_experiment([{"games": ["atlantis", "video_pinball", "montezuma_revenge"]}])
    for run in experiment.runs():
        finish(run, tmp_path)
    figure = build(experiment, load_runs(experiment, tmp_path)).figure
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    edge = figure.bbox.width
    for axes in figure.axes:
        assert axes.texts
        for text in axes.texts:
            assert text.get_window_extent(canvas.get_renderer()).x1 <= edge, text.get_text()
