"""Games as envpool presents them, by its description (fidelity rows EN1 to EN7)."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from replication.environments.atari.env import AtariEnv
from replication.environments.atari.frames import frame_pipeline
from replication.environments.atari.palette import palette_gray
from replication.specification.loading import load_protocol, load_variant
from replication.specification.protocols import Presentation, of_atari
from tests.support.scripted_emulator import ScriptedConsole, present

ENVPOOL = of_atari(load_protocol("envpool").training)
NOOP, FIRE = 0, 1


def test_en2_en3_one_to_thirty_noops_begin_games_and_lives_and_fire_is_the_last_of_them() -> None:
    games, lives = set(), set()
    for seed in range(200):
        console = ScriptedConsole(lives=lambda frame: 3 if frame < 60 else 2)
        game = present(console, ENVPOOL, seed=seed)
        game.begin_episode()
        given = console.given[1:]
        assert console.given[0] == "reset" and given == [NOOP] * (len(given) - 1) + [FIRE]
        games.add(len(given))
        while not game.step(2).life_lost:
            pass
        before = len(console.given)
        assert not game.begin_trajectory()
        given = console.given[before:]
        assert given == [NOOP] * (len(given) - 1) + [FIRE]
        lives.add(len(given))
    assert games == lives == set(range(1, 31))


def test_en3_a_game_without_fire_has_noops_alone_and_one_whose_action_1_it_is_not_has_it_all_the_same() -> None:
    console = ScriptedConsole()
    console.minimal_actions = (0, 2, 3)
    present(console, ENVPOOL).begin_episode()
    assert set(console.given[1:]) == {NOOP}
    console = ScriptedConsole()
    console.minimal_actions = (0, 2, FIRE)
    present(console, ENVPOOL).begin_episode()
    assert console.given[-1] == FIRE


def test_en4_en7_frames_between_lives_belong_to_no_episode() -> None:
    console = ScriptedConsole(reward=lambda frame: 1, lives=lambda frame: 3 if frame < 40 else 2)
    game = present(console, ENVPOOL)
    game.begin_episode()
    steps = 1
    while not game.step(2).life_lost:
        steps += 1
    game.begin_trajectory()
    assert game.counts[:2] == (4.0 * steps, 4 * steps), "rewards of no-ops and FIRE are dropped, as they are in a start"
    game.step(2)
    assert game.counts[:2] == (4.0 * steps + 4.0, 4 * steps + 4)
    assert not ENVPOOL.noop_step_after_life_loss


def test_en1_an_episode_is_cut_after_27000_steps_and_its_state_is_worth_nothing() -> None:
    shown = ENVPOOL.model_copy(update={"episode_cap_frames": 8})
    game = present(ScriptedConsole(), shown)
    game.begin_episode()
    assert [game.step(0).truncated for _ in range(2)] == [False, True]
    assert ENVPOOL.episode_cap_frames == 4 * 27_000
    assert not load_variant("pqn_cleanrl").settings.bootstrap_at_truncation


def test_en5_a_frame_is_the_maximum_of_two_gray_screens_and_after_a_start_the_last_alone() -> None:
    console = ScriptedConsole()
    config = load_variant("pqn_cleanrl").settings
    game = present(console, ENVPOOL, pipeline=frame_pipeline(config.frame_pipeline, 4))
    gray = palette_gray()
    game.begin_episode()
    assert set(game.observation.ravel()) == {gray[console.frame]}
    game.step(2)
    screens = [np.full((210, 160), gray[frame], dtype=np.uint8) for frame in (console.frame - 1, console.frame)]
    expected = cv2.resize(np.maximum(*screens), (84, 84), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(game.observation, expected)


@pytest.mark.parametrize("variant", ["pqn_cleanrl", "pqn"])
def test_en6_before_the_first_frame_is_that_frame_again(variant: str) -> None:
    config = load_variant(variant).settings
    environment = AtariEnv("catch", ENVPOOL, config.frame_pipeline, history_start=config.history_start)
    shown, _ = environment.reset(seed=1)
    assert config.frame_stack == 4 and shown.any() and (shown == shown[-1]).all()


def test_two_ways_to_press_fire_are_refused() -> None:
    with pytest.raises(ValueError, match="fire_frame_on_reset: found beside fire_on_reset, expected one of them"):
        Presentation.model_validate_json(ENVPOOL.model_copy(update={"fire_on_reset": True}).model_dump_json())
