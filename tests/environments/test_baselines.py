"""Games as OpenAI Baselines and CleanRL present them, against their wrappers (fidelity rows W1 to W16b, CE1 to CE4).

The wrappers of the two versions are written from their description (tests/support/baselines_wrappers.py); those of
Stable-Baselines3, a port of the later one, are compared with where the package is there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from replication.environments.atari.baselines_frames import BaselinesPipeline, load_opencv
from replication.environments.atari.emulator import AtariEmulator, open_emulator
from replication.environments.atari.env import AtariEnv
from replication.environments.atari.frames import frame_pipeline, push_frame
from replication.environments.atari.palette import palette_rgb
from replication.environments.atari.presentation import PresentedGame
from replication.evidence.recording import RecordingEmulator
from replication.foundation.errors import ReplicationError
from replication.specification.loading import load_protocol
from replication.specification.protocols import FramePipelineName, Presentation, of_atari
from replication.specification.tasks.atari_games import ATARI57
from tests.support.baselines_wrappers import (
    Console,
    area_then_gray,
    gray_then_area,
    pillow_bilinear,
    wrapped_2017,
    wrapped_2020,
)
from tests.support.scripted_emulator import PLAIN, ScriptedConsole, present

BASELINES = of_atari(load_protocol("baselines").training)
BASELINES_2017 = of_atari(load_protocol("baselines_2017").training)
CLEANRL = of_atari(load_protocol("cleanrl").training)


def play_both(
    game: str,
    shown: Presentation,
    pipeline: FramePipelineName,
    wrapped: Callable[[Console, np.random.Generator], Any],
    frame: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    steps: int,
) -> tuple[int, int]:
    """Play at random in both, and compare all that is seen. Returns: lives lost and games finished."""
    console = Console(game)
    theirs = wrapped(console, np.random.default_rng(5))
    ours = PresentedGame(
        open_emulator(game), shown, frame_pipeline(pipeline, 4), 4, np.random.default_rng(5), np.random.default_rng(6)
    )
    ours.begin_episode()
    np.testing.assert_array_equal(ours.observation, frame(theirs.reset()))
    actions, lost, finished = np.random.default_rng(7), 0, 0
    for _ in range(steps):
        action = int(actions.integers(ours.num_actions))
        seen, reward, done = theirs.step(action)
        result = ours.step(action)
        assert (result.reward, result.ended or result.life_lost) == (reward, done)
        assert ours.episode_return == console.returned
        if not result.ended:  # what is seen of a finished game is not looked at, and differs in nothing that is
            np.testing.assert_array_equal(ours.observation, frame(seen))
        if result.ended:
            ours.begin_episode()
            finished += 1
        elif result.life_lost:
            lost += 1
            ours.begin_trajectory()
        if done:
            np.testing.assert_array_equal(ours.observation, frame(theirs.reset()))
    return lost, finished


@pytest.mark.rom
@pytest.mark.parametrize(("game", "lives", "games"), [("pong", 0, 0), ("breakout", 4, 1), ("ms_pacman", 1, 0)])
def test_w4_w5_w6_w7_w8_w9_w10_w16_every_step_is_that_of_the_wrappers(game: str, lives: int, games: int) -> None:
    lost, finished = play_both(game, BASELINES, "baselines", wrapped_2020, gray_then_area, 300)
    assert lost >= lives and finished >= games


@pytest.mark.rom
@pytest.mark.parametrize(("game", "lives", "games"), [("pong", 0, 0), ("breakout", 4, 1), ("ms_pacman", 1, 0)])
def test_w3b_w4b_w10b_every_step_is_that_of_the_wrappers_of_2017(game: str, lives: int, games: int) -> None:
    lost, finished = play_both(game, BASELINES_2017, "baselines_2017", wrapped_2017, pillow_bilinear, 300)
    assert lost >= lives and finished >= games


@pytest.mark.rom
def test_ce2_cleanrl_shrinks_colors_before_gray_in_the_same_wrappers() -> None:
    lost, _ = play_both("breakout", CLEANRL, "cleanrl", wrapped_2020, area_then_gray, 150)
    assert lost >= 3


def test_w3_w3b_a_life_of_2017_begins_after_2_to_31_noops_and_one_of_2020_after_a_step() -> None:
    counts = {2017: set(), 2020: set()}
    for year, shown in ((2017, BASELINES_2017), (2020, BASELINES)):
        for seed in range(200):
            console = ScriptedConsole(lives=lambda frame: 3 if frame < 50 else 2, num_actions=2)
            game = present(console, shown.model_copy(update={"fire_on_reset": False}), seed=seed)
            game.begin_episode()
            assert 1 <= len(console.given) - 1 == game.noop_frames <= 30
            while not game.step(1).life_lost:
                pass
            before = len(console.given)
            assert not game.begin_trajectory()
            assert set(console.given[before:]) == {0}
            counts[year].add(len(console.given) - before)
    assert (min(counts[2017]), max(counts[2017]), counts[2020]) == (2, 31, {4})


def test_w7_fire_is_two_steps_after_every_reset_and_every_life_and_rewards_of_the_start_are_discarded() -> None:
    console = ScriptedConsole(reward=lambda frame: 1, lives=lambda frame: 3 if frame < 20 else 2)
    game = present(console, BASELINES.model_copy(update={"noops_after_game_over_frames": None}))
    game.begin_episode()
    assert console.given == ["reset", 1, 1, 1, 1, 2, 2, 2, 2]
    assert game.counts == (0.0, 0, 8)
    while not game.step(3).life_lost:
        pass
    console.given.clear()
    assert game.counts == (12.0, 12, 8)
    assert not game.begin_trajectory()
    assert console.given == [0] * 4 + [1] * 4 + [2] * 4
    assert game.counts == (24.0, 24, 8), "rewards and frames between two lives belong to the episode"


@pytest.mark.rom
def test_w7_a_game_whose_action_1_is_not_fire_has_none_pressed() -> None:
    shown = BASELINES.model_copy(update={"noops_after_game_over_frames": None})
    start_frames = {}
    for name in ("pong", "breakout", "freeway", "ms_pacman"):
        game = PresentedGame(open_emulator(name), shown, frame_pipeline("none", 4), 4, *[np.random.default_rng(0)] * 2)
        game.begin_episode()
        start_frames[name] = game.noop_frames
    assert start_frames == {"pong": 8, "breakout": 8, "freeway": 0, "ms_pacman": 0}


def test_w7_a_game_over_in_the_fire_of_a_life_begins_another_and_its_end_is_remembered() -> None:
    """The second step is played in the new game; the counts of the old one include what followed its lost life."""
    console = ScriptedConsole(reward=lambda frame: 1, lives=lambda frame: 3 if frame < 12 else 2, over_at=18)
    game = present(console, BASELINES.model_copy(update={"noops_after_game_over_frames": None}))
    game.begin_episode()
    assert game.step(0).life_lost
    console.given.clear()
    assert game.begin_trajectory()
    assert console.given == [0] * 4 + [1] * 2 + ["reset"] + [2] * 4
    assert game.previous == (10.0, 10, 8) and game.counts == (0.0, 0, 4)


def test_w7_a_life_lost_by_the_second_step_of_fire_is_followed_by_its_noop_and_what_it_led_to_is_seen() -> None:
    console = ScriptedConsole(lives=lambda frame: 3 if frame < 7 else 2)
    shown = BASELINES.model_copy(update={"noops_after_game_over_frames": None})
    game = present(console, shown, pipeline=BaselinesPipeline(4))
    game.begin_episode()
    assert console.given == ["reset", 1, 1, 1, 1, 2, 2, 2, 2, 0, 0, 0, 0]
    color = palette_rgb()[[7, 8]].max(axis=0)  # of frames 7 and 8, which the screen's colors tell
    assert set(game.observation.ravel()) == {cv2.cvtColor(color[None, None], cv2.COLOR_RGB2GRAY).item()}
    assert not game.step(0).life_lost, "lives are compared with those after the no-op"


def test_w9_a_game_over_in_the_noop_after_a_life_begins_another() -> None:
    console = ScriptedConsole(reward=lambda frame: 1, lives=lambda frame: 3 if frame < 4 else 2, over_at=6)
    game = present(console, BASELINES.model_copy(update={"noops_after_game_over_frames": None, "fire_on_reset": False}))
    game.begin_episode()
    assert game.step(1).life_lost
    assert game.begin_trajectory()
    assert console.given[5:] == [0, 0, "reset"]
    assert game.previous == (6.0, 6, 0)


@pytest.mark.rom
@pytest.mark.parametrize("name", ["baselines", "baselines_2017", "cleanrl"])
def test_w1_nothing_sticks_and_a_step_gives_the_emulator_four_times_the_agents_own_action(name: str) -> None:
    shown = of_atari(load_protocol(name).training)
    emulator = RecordingEmulator(open_emulator("breakout"))
    stickiness = np.random.default_rng(1)
    game = PresentedGame(emulator, shown, frame_pipeline("none", 4), 4, np.random.default_rng(0), stickiness)
    game.begin_episode()
    emulator.mark_scored(True)
    for action in range(4):
        game.step(action)
    emulator.finish_episode(raw_return=0.0, scored_frames=16, noop_frames=game.noop_frames, ending="unfinished")
    (played,) = emulator.episodes
    assert np.repeat(played.codes, played.lengths)[-16:].tolist() == [code for code in (0, 1, 3, 4) for _ in range(4)]
    assert stickiness.random() == np.random.default_rng(1).random(), "nothing was drawn"


@pytest.mark.parametrize("name", ["baselines", "baselines_2017", "cleanrl"])
def test_w2_ce1_an_episode_is_truncated_at_the_cap_and_never_between_its_lives(name: str) -> None:
    shown = of_atari(load_protocol(name).training)
    assert shown.episode_cap_frames == (108_000 if name == "cleanrl" else 400_000)
    console = ScriptedConsole(lives=lambda frame: 3 if frame < 16 else 2)
    changes = {"episode_cap_frames": 10, "noops_after_game_over_frames": None, "noops_after_life_loss_frames": None}
    game = present(console, shown.model_copy(update=changes | {"noop_step_after_life_loss": True}))
    game.begin_episode()
    assert [game.step(0)[1:] for _ in range(2)] == [(False, False, False), (False, False, True)]
    assert not game.begin_trajectory()
    assert game.episode_frames == 8 + 12
    assert game.step(0).truncated and game.episode_frames == 21


def test_w8_a_life_lost_where_none_is_left_ends_nothing_and_the_repeat_goes_on() -> None:
    lives = {0: 2, 1: 2, 2: 1, 3: 1, 4: 1}
    console = ScriptedConsole(lives=lambda frame: lives.get(frame, 0))
    game = present(console, BASELINES.model_copy(update={"fire_on_reset": False, "noops_after_game_over_frames": None}))
    game.begin_episode()
    assert game.step(1).life_lost and console.given[-4:] == [1] * 4
    assert not game.step(1).life_lost


def test_w12_ce3_before_the_first_frame_are_zeros_or_that_frame_again() -> None:
    frame, later = np.full((84, 84), 7, np.uint8), np.full((84, 84), 9, np.uint8)
    stack = np.full((84, 84, 4), 3, np.uint8)
    push_frame(stack, frame, clear=True)
    assert stack[0, 0].tolist() == [0, 0, 0, 7]
    push_frame(stack, frame, clear=True, start="first_frame")
    assert stack[0, 0].tolist() == [7, 7, 7, 7]
    push_frame(stack, later, clear=False, start="first_frame")
    assert stack[0, 0].tolist() == [7, 7, 7, 9]
    environment = AtariEnv("catch", PLAIN, "cleanrl", history_start="first_frame")
    shown, _ = environment.reset(seed=1)
    assert shown.any() and (shown == shown[-1]).all()


@pytest.mark.rom
@pytest.mark.slow
def test_w16b_ce4_in_no_game_but_skiing_is_a_start_rewarded() -> None:
    """So that it makes no difference whether an episode's return begins with the reset or with the first step."""
    rewarded = set()
    for name in ATARI57:
        emulator = AtariEmulator(name)
        emulator.reset()
        codes = [0] * 30 + [code for code in emulator.minimal_actions[1:3] for _ in range(4)]
        if any([emulator.act(code) for code in codes]):
            rewarded.add(name)
    assert rewarded == {"skiing"}


@pytest.mark.parametrize("name", ["baselines", "baselines_2017", "cleanrl"])
def test_a_pipeline_continues_from_its_state(name: FramePipelineName) -> None:
    console = ScriptedConsole(num_actions=4)
    one, other = (frame_pipeline(name, 4) for _ in range(2))
    for index in (None, 0, 1, 2, 3):
        console.act(1)
        one.paint(console, index)
        frames = np.zeros((2, 84, 84), np.uint8)
        other.restore(one.state())
        for pipeline, frame in zip((one, other), frames, strict=True):
            pipeline.grab(frame)
        np.testing.assert_array_equal(*frames)


def test_what_a_pipeline_lacks_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ReplicationError, match="frame_skip: found 1, expected 2 or more"):
        frame_pipeline("baselines", 1)
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(ReplicationError, match="a gray level needs opencv: pip install opencv-python-headless"):
        load_opencv("a gray level")
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(ReplicationError, match="frame pipeline of 2017 needs Pillow: pip install pillow"):
        frame_pipeline("baselines_2017", 4)


def test_two_ways_to_begin_a_life_are_refused() -> None:
    with pytest.raises(ValueError, match="noop_step_after_life_loss: found beside noops_after_life_loss_frames"):
        Presentation(**BASELINES.model_dump() | {"noops_after_life_loss_frames": (2, 31)})


@pytest.mark.rom
@pytest.mark.parametrize("game", ["pong", "breakout"])
def test_w6_every_observation_is_that_of_stable_baselines(game: str) -> None:
    """Its port of the wrappers, on ale-py's own environment; the number of no-ops is ours."""
    wrappers = pytest.importorskip("stable_baselines3.common.atari_wrappers")
    import ale_py
    import gymnasium

    gymnasium.register_envs(ale_py)
    made = gymnasium.make({"pong": "PongNoFrameskip-v4", "breakout": "BreakoutNoFrameskip-v4"}[game])
    theirs = wrappers.AtariWrapper(made)
    environment: Any = theirs
    while not isinstance(environment, wrappers.NoopResetEnv):
        environment = environment.env
    noops, actions = np.random.default_rng(5), np.random.default_rng(7)
    ours = PresentedGame(
        open_emulator(game), BASELINES, frame_pipeline("baselines", 4), 4, np.random.default_rng(5), noops
    )

    def begin() -> NDArray[np.uint8]:
        if environment.unwrapped.ale.game_over() or not environment.override_num_noops:
            environment.override_num_noops = int(noops.integers(1, 30, endpoint=True))
        return theirs.reset()[0][..., 0]

    ours.begin_episode()
    np.testing.assert_array_equal(ours.observation, begin())
    for _ in range(400):
        action = int(actions.integers(ours.num_actions))
        seen, reward, terminated, truncated, _ = theirs.step(action)
        result = ours.step(action)
        assert np.sign(result.reward) == reward
        assert (result.terminated or result.life_lost, result.truncated) == (terminated, truncated)
        if result.ended:
            ours.begin_episode()
        elif result.life_lost:
            ours.begin_trajectory()
        np.testing.assert_array_equal(ours.observation, begin() if terminated or truncated else seen[..., 0])
