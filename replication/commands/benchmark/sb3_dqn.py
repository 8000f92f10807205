"""Stable-Baselines3's DQN as a measured program: `python -m replication.commands.benchmark.sb3_dqn ENVIRONMENT`.

Run by the python of an environment that has Stable-Baselines3 and none of our dependencies.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any

import ale_py
import gymnasium
import numpy as np
import torch
from stable_baselines3 import DQN
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.vec_env import VecFrameStack

from replication.commands.benchmark.pacing import UPDATE_PERIOD_STEPS, Pace, peak_memory_bytes, versions

CAPACITY_TRANSITIONS = 100_000
BATCH_SIZE = 32
EVALUATION_EPSILON = 0.05
STEPS_AT_A_TIME = 50
UNREACHED_STEPS = 1_000_000_000


def main(environment: str) -> None:
    """Train until nobody asks any more."""
    torch.set_num_threads(1)
    gymnasium.register_envs(ale_py)
    model = DQN(
        "CnnPolicy",
        _games(environment, life_loss_ends=True),
        learning_rate=0.00025,
        buffer_size=CAPACITY_TRANSITIONS,
        learning_starts=5_000,
        batch_size=BATCH_SIZE,
        gamma=0.99,
        train_freq=UPDATE_PERIOD_STEPS,
        gradient_steps=1,
        target_update_interval=10_000,
        exploration_initial_eps=0.1,
        exploration_final_eps=0.1,
        policy_kwargs={
            "optimizer_class": torch.optim.RMSprop,
            "optimizer_kwargs": {"alpha": 0.95, "eps": 0.01, "centered": True},
        },
        seed=1,
        device="cpu",
    )

    def facts() -> dict[str, Any]:
        replay = model.replay_buffer
        arrays = (replay.observations, replay.next_observations, replay.actions, replay.rewards, replay.dones)
        each_bytes = sum(array.nbytes for array in (*arrays, replay.timeouts)) / CAPACITY_TRANSITIONS
        return {
            # Its arrays are allocated whole, but the system hands out pages as they are filled.
            "peak_bytes_beyond_replay": peak_memory_bytes() - each_bytes * replay.pos,
            "replay_bytes_per_transition": each_bytes,
            "versions": versions(),
        }

    pace = Pace(facts, lambda: _parts(model, environment))

    def after_step(local: dict[str, Any], outside: dict[str, Any]) -> bool:
        pace.step()
        return True

    model.learn(UNREACHED_STEPS, callback=after_step)


def _games(environment: str, *, life_loss_ends: bool) -> Any:
    """Build one game with the Atari wrappers of Stable-Baselines3 and four frames in a state."""
    wrapped = {"terminal_on_life_loss": life_loss_ends, "clip_reward": life_loss_ends}
    return VecFrameStack(make_atari_env(environment, n_envs=1, seed=1, wrapper_kwargs=wrapped), n_stack=4)


def _parts(model: Any, environment: str) -> dict[str, Callable[[], int]]:
    played, evaluated = (_games(environment, life_loss_ends=ends) for ends in (True, False))
    num_actions = played.action_space.n
    played.reset()
    seen = [evaluated.reset()]
    chance = random.Random(1)

    def act() -> int:
        model.predict(seen[0], deterministic=True)
        return 1

    def update() -> int:
        model.train(gradient_steps=1, batch_size=BATCH_SIZE)
        return 1

    def play() -> int:
        for _ in range(STEPS_AT_A_TIME):
            played.step(np.array([chance.randrange(num_actions)]))
        return STEPS_AT_A_TIME

    def evaluation() -> int:
        for _ in range(STEPS_AT_A_TIME):
            if chance.random() < EVALUATION_EPSILON:
                action = np.array([chance.randrange(num_actions)])
            else:
                action, _ = model.predict(seen[0], deterministic=True)
            seen[0] = evaluated.step(action)[0]
        return STEPS_AT_A_TIME

    return {"act": act, "update": update, "play": play, "evaluation": evaluation}


if __name__ == "__main__":
    main(sys.argv[1])
