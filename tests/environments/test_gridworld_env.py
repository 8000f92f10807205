"""Gridworlds as Gymnasium sees them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from replication.environments.gridworlds.env import GridworldEnv
from replication.environments.gridworlds.gridworld import TabularWorld, transitions_of
from replication.specification.tasks.gridworlds import BLOCKING_MAZE, CLIFF_WALKING, GRIDWORLDS
from replication.specification.tasks.small_mdps import MAXIMIZATION_BIAS, SMALL_MDPS


@pytest.mark.parametrize("world", [*GRIDWORLDS.values(), *SMALL_MDPS.values()], ids=lambda world: world.name)
def test_gymnasium_accepts_it(world: TabularWorld) -> None:
    check_env(GridworldEnv(world, render_mode="ansi"), skip_render_check=True)


def test_it_steps_as_the_tables_say() -> None:
    env, tables = GridworldEnv(CLIFF_WALKING, render_mode="ansi"), transitions_of(CLIFF_WALKING)
    state, _ = env.reset(seed=1)
    assert state == tables.start and env.render().splitlines()[3] == "ACCCCCCCCCCG"
    total, ended = 0.0, False
    for action in (1, 0, *[1] * 11, 2):
        assert not ended
        state, reward, ended, truncated, _ = env.step(np.int64(action))
        total += reward
        assert not truncated
    assert ended and total == -113.0


def test_a_maze_changes_after_so_many_steps_of_all_episodes() -> None:
    env = GridworldEnv(replace(BLOCKING_MAZE, changes_after_steps=3), render_mode="ansi")
    env.reset()
    seen = []
    for _ in range(4):
        env.step(np.int64(1))
        env.reset()
        seen.append(env.render().splitlines()[3])
    assert seen == ["########."] * 2 + [".########"] * 2


def test_varying_wind_is_that_of_the_seed() -> None:
    world = replace(CLIFF_WALKING, name="gusty", layout=("......", "S....G", "......"), wind=(0, 1, 1, 1, 0, 0))
    gusty = GridworldEnv(replace(world, wind_varies=True))

    def walk(seed: int) -> list[int]:
        gusty.reset(seed=seed)
        return [int(gusty.step(np.int64(1))[0]) for _ in range(4)]

    assert walk(1) == walk(1) and len({tuple(walk(seed)) for seed in range(20)}) > 1


def test_named_states_have_actions_of_their_own_and_rewards_that_scatter() -> None:
    env = GridworldEnv(MAXIMIZATION_BIAS, render_mode="ansi")
    env.reset(seed=1)
    assert env.render() == "[A] B end"
    assert env.step(np.int64(9))[:3] == (2, 0.0, True)  # A has two actions: a code too high is the last, right
    rewards = []
    for _ in range(400):
        env.reset()
        env.step(np.int64(0))
        rewards.append(env.step(np.int64(9))[1])
    assert env.render() == "A B [end]"
    assert abs(np.mean(rewards) + 0.1) < 0.2 and abs(np.std(rewards) - 1.0) < 0.15
