"""Writes one update of sb3-contrib's TRPO: weights before and after it, and the batch, to compare ours with.

In an environment with stable-baselines3 and sb3-contrib 2.9.2: `python tests/support/sb3_contrib_trpo.py`. Nothing of
this project is imported, so that it need not be there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from sb3_contrib import TRPO
from stable_baselines3.common.logger import configure

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "sb3_contrib_trpo.json"
NUMBERS, ACTIONS, STEPS = 3, 4, 24
SETTINGS = {"target_kl": 0.01, "cg_max_steps": 10, "cg_damping": 0.1, "line_search_shrinking_factor": 0.8}


class Numbers(gymnasium.Env):
    """Gives the program the shapes of what is seen and done; it is not played."""

    observation_space = gymnasium.spaces.Box(-10.0, 10.0, (NUMBERS,), np.float32)
    action_space = gymnasium.spaces.Discrete(ACTIONS)

    def reset(self, **options: Any) -> Any:
        return np.zeros(NUMBERS, np.float32), {}


def weights(model: TRPO) -> dict[str, Any]:
    """Those of the policy: a hidden layer with tanh, then logits."""
    names = ("mlp_extractor.policy_net.0", "action_net")
    return {
        f"{name}.{kind}": model.policy.get_parameter(f"{name}.{kind}").detach().tolist()
        for name in names
        for kind in ("weight", "bias")
    }


def main() -> None:
    """Fill a batch, update once, and write both sides."""
    stream = np.random.default_rng(7)
    model = TRPO(
        "MlpPolicy",
        Numbers(),
        n_steps=STEPS,
        batch_size=STEPS,
        normalize_advantage=False,
        sub_sampling_factor=1,
        n_critic_updates=1,
        line_search_max_iter=10,
        policy_kwargs={"net_arch": {"pi": [5], "vf": [5]}},
        seed=1,
        device="cpu",
        **SETTINGS,
    )
    model._logger = configure(None, [])
    buffer = model.rollout_buffer
    buffer.reset()
    with torch.no_grad():
        model.policy.action_net.weight.mul_(100.0)  # not nearly uniform, as policies begin
    for _ in range(STEPS):
        observation = stream.normal(size=(1, NUMBERS)).astype(np.float32)
        action = stream.integers(ACTIONS, size=(1, 1))
        with torch.no_grad():
            _, logs, _ = model.policy.evaluate_actions(torch.from_numpy(observation), torch.from_numpy(action[0]))
        buffer.add(observation, action, np.zeros(1), np.zeros(1), torch.zeros(1), logs)
    buffer.advantages = stream.normal(size=(STEPS, 1)).astype(np.float32)
    buffer.returns = np.zeros((STEPS, 1), np.float32)
    content = {
        "settings": SETTINGS,
        "observations": buffer.observations[:, 0].tolist(),
        "actions": buffer.actions[:, 0, 0].astype(int).tolist(),
        "advantages": buffer.advantages[:, 0].tolist(),
        "before": weights(model),
    }
    model.train()
    GOLDEN.write_text(json.dumps(content | {"after": weights(model)}, indent=1) + "\n")


if __name__ == "__main__":
    main()
