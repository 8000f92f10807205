"""The Gymnasium view plays the same game."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.seeding import np_random

from replication.environments.atari.emulator import open_emulator
from replication.environments.atari.env import AtariEnv
from replication.environments.atari.frames import frame_pipeline
from replication.environments.atari.presentation import PresentedGame
from replication.foundation.errors import ReplicationError
from replication.specification.loading import load_protocol

NATURE = load_protocol("nature").training


@pytest.mark.rom
@pytest.mark.parametrize(("game", "protocol"), [("breakout", "nature"), ("pong", "sticky"), ("catch", "nature")])
def test_gymnasium_accepts_it(game: str, protocol: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice on observation shapes for other libraries
        check_env(AtariEnv(game, load_protocol(protocol).training, render_mode="rgb_array"))


def test_steps_after_the_end_and_actions_that_are_none_are_refused() -> None:
    env = AtariEnv("catch", NATURE)
    with pytest.raises(ReplicationError, match="reset"):
        env.step(np.int64(0))
    env.reset(seed=1)
    for action in (-1, 3):
        with pytest.raises(ReplicationError, match=f"found action {action}, expected 0 to 2"):
            env.step(np.int64(action))
    ended = False
    while not ended:
        _, _, terminated, truncated, _ = env.step(np.int64(0))
        ended = terminated or truncated
    with pytest.raises(ReplicationError, match="the episode is over"):
        env.step(np.int64(0))
    with pytest.raises(ReplicationError, match="render_mode: found 'human'"):
        AtariEnv("catch", NATURE, render_mode="human")


def test_a_seed_fixes_an_episode_and_a_lost_life_never_resets() -> None:
    def played(seed: int) -> list[object]:
        env = AtariEnv("catch", NATURE.model_copy(update={"noops_after_life_loss_frames": None}))
        actions = np.random.default_rng(0)
        observation, info = env.reset(seed=seed)
        seen: list[object] = [observation.tobytes()]
        terminated, lost, first_lives = False, 0, info["lives"]  # a no-op start may cost a life
        while not terminated:
            observation, reward, terminated, truncated, info = env.step(actions.integers(3))
            lost += info["life_lost"]
            assert info["lives"] == first_lives - lost
            assert not truncated
            seen += [observation.tobytes(), reward]
        assert lost == first_lives >= 2
        return seen

    assert played(1) == played(1)
    assert played(1) != played(2)


def test_observations_have_zeros_before_the_first_frame_and_the_newest_last() -> None:
    env = AtariEnv("catch", NATURE)
    first, _ = env.reset(seed=0)
    assert not first[:3].any()
    assert first[3].any()
    second, *_ = env.step(np.int64(0))
    assert (second[2] == first[3]).all()
    assert not second[:2].any()


@pytest.mark.rom
@pytest.mark.parametrize("protocol", ["nature", "sticky"])
def test_it_plays_the_game_that_is_presented(protocol: str) -> None:
    shown = load_protocol(protocol).training
    env = AtariEnv("breakout", shown)
    observation, info = env.reset(seed=3)
    stream, _ = np_random(3)
    game = PresentedGame(open_emulator("breakout"), shown, frame_pipeline("nature", 4), 4, stream, stream)
    game.begin_episode()
    actions = np.random.default_rng(0)
    episodes = lives_lost = 0
    while episodes < 2:
        np.testing.assert_array_equal(observation[-1], game.observation)
        assert (info["episode_return"], info["episode_frames"]) == (game.episode_return, game.episode_frames)
        action = actions.integers(game.num_actions)
        if info["life_lost"] and shown.life_loss_ends_trajectory:
            assert not game.begin_trajectory()
        result = game.step(int(action))
        observation, reward, terminated, truncated, info = env.step(action)
        assert (reward, terminated, truncated, info["life_lost"]) == result
        lives_lost += result.life_lost
        if result.ended:
            episodes += 1
            game.begin_episode()
            observation, info = env.reset()
    assert lives_lost == 10
