"""Stable-Baselines3's DDPG or TD3 as a measured program.

`python -m replication.commands.benchmark.sb3_continuous CLASS LEARNING_RATE ENVIRONMENT BATCH UNITS UNITS`.
Run by the python of an environment that has Stable-Baselines3, Gymnasium with MuJoCo, and none of our dependencies.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import stable_baselines3
import torch
from stable_baselines3.common.noise import NormalActionNoise

from replication.commands.benchmark.pacing import Pace, versions

UNREACHED_STEPS = 1_000_000_000


def main(algorithm: str, learning_rate: float, environment: str, batch_size: int, *hidden_units: int) -> None:
    """Train until nobody asks any more."""
    torch.set_num_threads(1)
    task = gymnasium.make(environment)
    size = len(task.action_space.sample())
    model = getattr(stable_baselines3, algorithm)(
        "MlpPolicy",
        task,
        learning_rate=learning_rate,
        buffer_size=1_000_000,
        learning_starts=5_000,
        batch_size=batch_size,
        tau=0.005,
        gamma=0.99,
        train_freq=1,
        gradient_steps=1,
        action_noise=NormalActionNoise(np.zeros(size), np.full(size, 0.1)),
        policy_kwargs={"net_arch": list(hidden_units)},
        seed=1,
        device="cpu",
    )
    pace = Pace(lambda: {"versions": versions()}, lambda: _parts(model, batch_size))

    def after_step(local: dict[str, Any], outside: dict[str, Any]) -> bool:
        pace.step()
        return True

    model.learn(UNREACHED_STEPS, callback=after_step)


def _parts(model: Any, batch_size: int) -> dict[str, Callable[[], int]]:
    seen = np.zeros(model.observation_space.shape, np.float32)

    def act() -> int:
        model.predict(seen, deterministic=True)
        return 1

    def update() -> int:
        model.train(gradient_steps=1, batch_size=batch_size)
        return 1

    return {"act": act, "update": update}


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3], *map(int, sys.argv[4:]))
