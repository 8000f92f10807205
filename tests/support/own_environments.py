"""Environments of a user's own: one that keeps every rule, and ones that break one each."""

from __future__ import annotations

import itertools
from typing import Any

import gymnasium
import numpy as np

_COUNTED = itertools.count()


class Corridor(gymnasium.Env[Any, Any]):
    """A walk towards 1, from a start that is drawn."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float64)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place, self.steps = self.np_random.uniform(-0.5, 0.5), 0
        return self.seen(), {}

    def seen(self) -> Any:
        return np.array([self.place, 1.0])

    def step(self, action: Any) -> tuple[Any, ...]:
        self.place += 0.1 * float(action[0]) + 0.01 * self.np_random.normal()
        self.steps += 1
        return self.seen(), -abs(self.place - 1.0), abs(self.place) > 1.0, False, {}


class Unseeded(Corridor):
    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place = np.random.default_rng().uniform()
        return self.seen(), {}


class GloballyRandom(Corridor):
    def step(self, action: Any) -> tuple[Any, ...]:
        self.place += 1e-6 * next(_COUNTED)
        return super().step(action)


class CutsItself(Corridor):
    def step(self, action: Any) -> tuple[Any, ...]:
        seen, reward, _, _, info = super().step(action)
        return seen, reward, False, self.steps == 50, info


class EndsByTime(Corridor):
    def step(self, action: Any) -> tuple[Any, ...]:
        seen, reward, _, _, info = super().step(action)
        return seen, reward, self.steps == 50, False, info


class RunsAway(Corridor):
    def step(self, action: Any) -> tuple[Any, ...]:
        seen, _, _, _, info = super().step(action)
        return seen, (np.inf if self.steps == 7 else 0.0), False, False, info


class Unbounded(Corridor):
    action_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float32)


class SeesNames(Corridor):
    observation_space = gymnasium.spaces.Dict({"place": gymnasium.spaces.Box(-1.0, 1.0, (1,))})


class FourValues(Corridor):
    def step(self, action: Any) -> tuple[Any, ...]:
        return super().step(action)[:4]


class Breaks(Corridor):
    def step(self, action: Any) -> tuple[Any, ...]:
        raise RuntimeError("the motor\nis off")
