"""rl-blox's Sarsa and Q-learning on the cliff as a measured program: `... benchmark.rl_blox_tabular EPISODES`.

Run by a python that has rl-blox and none of our dependencies. Its training ends after a number of steps, so the
environment ends it after EPISODES.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from itertools import count
from typing import Any

import gymnasium
import jax.numpy as jnp
from rl_blox.algorithm.q_learning import train_q_learning
from rl_blox.algorithm.sarsa import train_sarsa

from replication.commands.benchmark.pacing import Pace, versions

UNREACHED_STEPS = 1_000_000_000


class EnoughEpisodes(Exception):
    """Raised by the environment within a training that has had its episodes."""


class Counted(gymnasium.Wrapper[Any, Any, Any, Any]):
    """An environment that counts its episodes, and ends the training after so many."""

    def __init__(self, env: Any, episodes: int, pace: Pace) -> None:
        super().__init__(env)
        self._left = episodes
        self._pace = pace

    def step(self, action: Any) -> Any:
        """Take a step; the end of an episode is counted."""
        result = super().step(action)
        if result[2]:
            self._left -= 1
            self._pace.step()
            if not self._left:
                raise EnoughEpisodes
        return result


def main(episodes: int) -> None:
    """Learn run after run until nobody asks any more."""
    pace = Pace(lambda: {"versions": versions()}, dict, period_steps=2 * episodes, warm_up_steps=2 * episodes)
    for seed in count(1):
        for train in (train_sarsa, train_q_learning):
            environment: Any = Counted(
                gymnasium.make("CliffWalking-v1", max_episode_steps=UNREACHED_STEPS), episodes, pace
            )
            table = jnp.zeros((environment.observation_space.n, environment.action_space.n))
            settings = {"learning_rate": 0.5, "epsilon": 0.1, "gamma": 1.0, "total_timesteps": UNREACHED_STEPS}
            with suppress(EnoughEpisodes):
                train(environment, table, **settings, seed=seed, progress_bar=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
