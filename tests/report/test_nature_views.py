"""Screens beside an embedding, two policies in one, values along a stretch; and runs that are older than these."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest
from matplotlib.colors import to_hex

from replication.analysis.finished import load_runs
from replication.environments.atari.palette import palette_rgb
from replication.foundation.errors import ReplicationError
from replication.report.figures import embedding, nature_extended_figure1, nature_extended_figure2
from replication.report.figures.figure import write_figure
from replication.report.pages.embedding import embedding_views
from replication.report.views.evaluation_views import write_screens
from replication.report.views.screens import MARKED, TILE_COLUMNS, cut, load_screens, spread_out, sprite
from tests.support.finished_runs import finish, made_up_experiment
from tests.support.stored_views import _screen, add_views

MODULES = [embedding, nature_extended_figure1, nature_extended_figure2]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An experiment of a run with everything and an older one without, and where their results lie."""
    results = tmp_path_factory.mktemp("results")
    experiment = made_up_experiment([{"games": ["pong", "breakout"]}])
    add_views(finish(experiment.runs()[0], results, points=150))
    finish(experiment.runs()[1], results, points=30)
    return experiment, results


def test_screens_stand_beside_the_embedding_with_their_numbers(whole):
    result = embedding.build(whole[0], load_runs(*whole))
    pong = result.data[result.data["game"] == "pong"]
    numbered = pong[pong["screen"] != ""].sort_values("screen")
    assert numbered["screen"].to_list() == list(range(1, len(numbered) + 1)) and 6 <= len(numbered) <= MARKED
    assert set(result.data[result.data["game"] == "breakout"]["screen"]) == {""}
    half = -(-len(numbered) // 2)
    assert numbered["y"][:half].min() >= numbered["y"][half:].max()  # the upper half stands above
    assert numbered["x"][:half].is_monotonic_increasing and numbered["x"][half:].is_monotonic_increasing
    windows = [axes for axes in result.figure.axes if axes.get_images()]
    assert [axes.get_title() for axes in windows] == [
        f"{number}   value {value:.3g}" for number, value in zip(numbered["screen"], numbered["value"], strict=True)
    ]
    # The screen of state n has color n.
    for axes, point in zip(windows, numbered.index, strict=True):
        assert axes.get_images()[0].get_array()[0, 0].tolist() == palette_rgb()[point % 128].tolist()
    assert "The numbered screens" in result.caption


def test_two_policies_are_drawn_and_the_departure_is_declared(whole):
    result = nature_extended_figure1.build(whole[0], load_runs(*whole))
    assert result.data["policy"].value_counts().to_dict() == {"agent": 150, "random": 75}
    for said in ("150 states", "75 of random play", "Deviation", "a human", "1 of 2 trained runs", "perplexity 30"):
        assert said in result.caption


@pytest.mark.parametrize(("shift", "share"), [(0.0, 1.0), (1e6, 0.0)])
def test_neighbours_of_the_other_policy_are_counted(shift, share):
    agent = pd.DataFrame({"policy": "agent", "x": range(40), "y": 0.0})
    random = pd.DataFrame({"policy": "random", "x": [5.1 + shift, 5.2 + shift], "y": 0.0})
    random = random if share else pd.concat([random] * 10)
    found = nature_extended_figure1.shared_neighbours(pd.concat([agent, random]))
    assert found == pytest.approx(share, abs=0.11)


def test_values_along_the_stretch_are_drawn_with_marked_screens(whole):
    experiment, results = whole
    result = nature_extended_figure2.build(experiment, load_runs(experiment, results))
    values = [name for name in result.data.columns if name.startswith("value ")]
    assert values == ["value NOOP", "value FIRE", "value RIGHT", "value LEFT"]
    assert result.data["value"].to_list() == result.data[values].max(axis=1).to_list()
    assert result.data.loc[result.data["marked"] != "", "marked"].to_list() == ["A", "B", "C", "D"]
    folder = experiment.runs()[0].results_folder(results)
    assert result.data["frame"].to_list() == pd.read_csv(folder / "value_stretch.csv")["frame"].to_list()
    assert "120 steps of episode 2" in result.caption and "1 of 2 trained runs" in result.caption


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_two_builds_are_equal_and_older_runs_stand_without(module, whole, tmp_path):
    first = write_figure(module.build(whole[0], load_runs(*whole)), tmp_path / "1")
    second = write_figure(module.build(whole[0], load_runs(*whole)), tmp_path / "2")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    other = made_up_experiment([{"games": ["breakout"]}])
    nothing = module.build(other, load_runs(other, tmp_path / "nothing"))
    assert "0 of 1 trained runs" in nothing.caption and nothing.data.empty


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("embedding_screens.csv", "point,tile,marked\n0,0,0\n999,1,\n", "point: found 0 to 999, expected 0 to 149"),
        ("embedding_screens.csv", "point,tile,marked\n0,3,0\n", "expected 0, 1, 2, ... each once"),
        ("embedding_screens.csv", "point\n0\n", "not the screens of an embedding"),
        ("embedding_screens.webp", "no picture", "the pictures beside it: not a picture"),
        ("embedding_marked.webp", None, "not the screens of an embedding"),
        ("value_stretch.csv", "episode,frame,score,action,marked\n", "expected columns episode"),
        ("value_stretch.webp", "no picture", "not a picture"),
    ],
)
def test_damaged_files_are_named_in_one_line(name, content, expected, tmp_path):
    experiment = made_up_experiment([{}])
    folder = finish(experiment.runs()[0], tmp_path, points=150)
    add_views(folder)
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content)
    module = nature_extended_figure2 if "stretch" in name else embedding
    with pytest.raises(ReplicationError, match=re.escape(expected)) as caught:
        module.build(experiment, load_runs(experiment, tmp_path))
    assert "\n" not in str(caught.value) and "embed" in str(caught.value)


def test_a_sprite_holds_every_screen_exactly_and_is_thinned_where_it_is_too_large(tmp_path, monkeypatch):
    screens = [_screen(number) for number in range(50)]
    pictures = cut(sprite(screens, TILE_COLUMNS, halved=False), 50, TILE_COLUMNS, halved=False)
    for screen, picture in zip(screens, pictures, strict=True):
        assert (picture == palette_rgb()[screen // 2]).all()
    points = pd.DataFrame({"x": range(50), "y": 0.0}).to_numpy(float)
    write_screens(tmp_path, screens, points)
    whole_size = (tmp_path / "embedding_screens.webp").stat().st_size
    monkeypatch.setattr("replication.report.views.evaluation_views.MOST_SPRITE_BYTES", whole_size - 1)
    write_screens(tmp_path, screens, points)
    found = load_screens(tmp_path, 50)
    assert list(found.tiles) == list(range(0, 50, 2)) and set(found.marked) <= set(found.tiles)
    assert len(found.sprite) < whole_size


def test_marked_states_are_spread_over_the_clusters():
    points = pd.DataFrame({"x": [0, 0.1, 10, 10.1, 20, 20.1] * 5, "y": [0.0] * 30}).to_numpy(float)
    assert sorted(points[spread_out(points, 3)][:, 0].round()) == [0, 10, 20]
    assert spread_out(points[:1], 12) == [0]


def test_the_view_on_a_page_is_self_contained_and_holds_every_number(whole):
    finished = load_runs(*whole)
    html = embedding_views(finished)
    assert html.count("<figure") == 1  # the older run has no screens
    assert not re.search(r"(?:src|href)=|https?://(?!www\.w3\.org/2000/svg)|@import", html)
    data = json.loads(re.search(r'<script type="application/json">(.*?)</script>', html)[1])
    points = finished[0].embedding
    assert data["frame"] == points["frame"].to_list() and data["episode"] == points["episode"].to_list()
    assert data["value"] == [f"{value:.3g}" for value in points["value"]]
    assert data["tile"] == list(range(150))
    assert 0 <= min(data["x"]) <= max(data["x"]) <= 600 and 0 <= min(data["y"]) <= max(data["y"]) <= 450
    top = data["value"].index(max(data["value"], key=float))
    assert data["colors"][data["color"][top]] == to_hex("#fde725")  # the end of the map
    assert embedding_views(finished[1:]) == ""
