"""The page of runs in training: what it shows, and that nothing on it runs or is fetched."""

from __future__ import annotations

import re
from pathlib import Path

from replication.analysis.published_bands import PublishedBand, published_band
from replication.evidence.live_files import LiveRun
from replication.report.pages.live import ShownRun, line_of, live_page
from replication.specification.experiments import PublishedSource
from replication.specification.tasks.registry import find_task
from tests.evidence.test_live_files import progress

BAND = PublishedBand(
    "Somebody 2020, DQN", (0.0, 500.0, 2_000.0), (0.0, 10.0, 40.0), (-1.0, 8.0, 30.0), (1.0, 12.0, 50.0)
)


def shown(
    status: str = "training", episodes: int = 20, band: PublishedBand | None = BAND, **changes: object
) -> ShownRun:
    played = tuple((10 * number, float(number % 7)) for number in range(1, episodes + 1))
    return ShownRun(LiveRun(Path(), progress(**changes), played, ((50, 3.0), (90, 4.0))), status, band)


def test_a_panel_has_dots_their_mean_evaluations_and_the_band() -> None:
    page = live_page([shown()], "In training", "2 of 3.", 1.0, 5.0)
    assert page.count("<circle") == 20 + 2 and page.count("<polygon") == 1 and page.count("<polyline") == 3
    assert "400 of 1,000 frames, 200 frames a second, 00:02 left" in page
    assert "Published: Somebody 2020, DQN" in page and 'http-equiv="refresh" content="5"' in page
    assert "<script" not in page and "http:" not in page and "https:" not in page


def test_nothing_is_drawn_outside_of_the_axes() -> None:
    page = live_page([shown()], "In training", "", 1.0, 5.0)
    for points in re.findall(r'points="([^"]+)"', page):
        pairs = [tuple(map(float, pair.split(","))) for pair in points.split()]
        assert all(64 <= x <= 536 and 10 <= y <= 226 for x, y in pairs), points


def test_many_episodes_are_a_line_and_a_run_without_one_is_said() -> None:
    many = live_page([shown(episodes=2_000, progress_end=80_000)], "t", "", 1.0, 5.0)
    assert many.count("<circle") == 2
    none = ShownRun(LiveRun(Path(), progress(), (), ()), "training", None)
    page = live_page([none], "t", "", 1.0, 5.0)
    assert "no episode has ended yet" in page and "<polygon" not in page


def test_a_line_says_what_is_known() -> None:
    assert line_of(shown("finished", recent_return=3.25), 0.0) == (
        "dqn pong seed 1: finished, 400 of 1,000 frames, return 3.2"
    )
    assert line_of(shown(progress_a_second=None, seconds_left=None), 0.0) == (
        "dqn pong seed 1: training, 400 of 1,000 frames"
    )
    assert line_of(shown(), 2.0).endswith("00:01 left")  # written two seconds ago


def test_a_band_is_that_of_the_same_agent_task_and_protocol() -> None:
    published = PublishedSource(source="sfujim_td3", algorithm="TD3", agents={"td3_2018": "TD3"})
    band = published_band(published, "td3_2018", find_task("reacher"), "mujoco_2018")
    assert band is not None and band.at[0] == 0 and "TD3" in band.title
    assert all(low <= mean <= high for low, mean, high in zip(band.low, band.mean, band.high, strict=True))
    assert published_band(published, "td3_2018", find_task("reacher"), "nature") is None
    assert published_band(published, "td3_code", find_task("reacher"), "mujoco_2018") is None
    assert published_band(published, "td3_2018", find_task("pendulum"), "mujoco_2018") is None
    curves = PublishedSource(source="rllib_curves", algorithm="rllib A2C", agents={"a2c": "rllib A2C"})
    games = published_band(curves, "a2c", find_task("beam_rider"), "baselines")
    assert games is not None and games.at[-1] > 1e6 and len(games.at) == len(games.high)
    scores = PublishedSource(source="bellemare2017_c51", algorithm="C51", agents={"c51": "C51"})
    assert published_band(scores, "c51", find_task("pong"), "noop_30min") is None
