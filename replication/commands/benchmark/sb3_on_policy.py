"""Stable-Baselines3's A2C or PPO as a measured program: `... benchmark.sb3_on_policy CLASS ENVIRONMENT WARM_UP`.

Run by the python of an environment that has Stable-Baselines3 and none of our dependencies.
"""

from __future__ import annotations

import sys
from typing import Any

import ale_py
import gymnasium
import stable_baselines3
import torch
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.vec_env import VecFrameStack

from replication.commands.benchmark.pacing import Pace, versions

UNREACHED_STEPS = 1_000_000_000
ACTORS = {"A2C": 16, "PPO": 8}
SHARED: dict[str, Any] = {"gamma": 0.99, "ent_coef": 0.01, "max_grad_norm": 0.5, "seed": 1, "device": "cpu"}
SETTINGS: dict[str, dict[str, Any]] = {
    "A2C": {"learning_rate": 0.0007, "n_steps": 5, "vf_coef": 0.25, "rms_prop_eps": 1e-5, "use_rms_prop": True},
    "PPO": {
        **{"learning_rate": 0.00025, "n_steps": 128, "batch_size": 256, "n_epochs": 4, "gae_lambda": 0.95},
        **{"clip_range": 0.1, "clip_range_vf": 0.1, "vf_coef": 0.5},
    },
}
"""Those of Baselines, which ours and CleanRL's have too."""


def main(algorithm: str, environment: str, warm_up_steps: int) -> None:
    """Train until nobody asks any more."""
    torch.set_num_threads(1)
    gymnasium.register_envs(ale_py)
    games = VecFrameStack(make_atari_env(environment, n_envs=ACTORS[algorithm], seed=1), n_stack=4)
    settings = SHARED | SETTINGS[algorithm]
    model = getattr(stable_baselines3, algorithm)("CnnPolicy", games, **settings)
    pace = Pace(
        lambda: {"versions": versions()},
        dict,
        period_steps=ACTORS[algorithm] * settings["n_steps"],
        warm_up_steps=warm_up_steps,
    )

    def after_step(local: dict[str, Any], outside: dict[str, Any]) -> bool:
        pace.step(ACTORS[algorithm])
        return True

    model.learn(UNREACHED_STEPS, callback=after_step)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
