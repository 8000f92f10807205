"""Tasks of Gymnasium, as data: classic control, MuJoCo, Box2D."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from replication.specification.tasks.task import Task


@dataclass(frozen=True)
class GymnasiumTask(Task):
    """One task of Gymnasium.

    Attributes:
        environment_id: Gymnasium's own name of it.
        registered_cap_steps: steps after which Gymnasium truncates an episode, by its registry.
    """

    environment_id: str
    registered_cap_steps: int

    def cap_steps(self, cap: int | Literal["registered"] | None) -> int | None:
        """Return the steps after which an episode is truncated, as a presentation has the cap; None: never."""
        return self.registered_cap_steps if cap == "registered" else cap


def _task(
    name: str, title: str, environment_id: str, registered_cap_steps: int, published_key: str = ""
) -> GymnasiumTask:
    return GymnasiumTask(
        name=name,
        title=title,
        published_key=published_key or environment_id,
        kind="gymnasium",
        environment_id=environment_id,
        registered_cap_steps=registered_cap_steps,
    )


# Source of all: Farama-Foundation/Gymnasium 1.4.0 gymnasium/envs/__init__.py.
_CLASSIC_CONTROL = (
    _task("acrobot", "Acrobot", "Acrobot-v1", 500),
    _task("cart_pole", "Cart pole", "CartPole-v1", 500),
    _task("mountain_car", "Mountain car", "MountainCar-v0", 200),
    _task("mountain_car_continuous", "Mountain car, continuous", "MountainCarContinuous-v0", 999),
    _task("pendulum", "Pendulum", "Pendulum-v1", 200),
)
_BOX2D = (
    _task("bipedal_walker", "Bipedal walker", "BipedalWalker-v3", 1600),
    _task("lunar_lander", "Lunar lander", "LunarLander-v3", 1000),
    _task("lunar_lander_continuous", "Lunar lander, continuous", "LunarLanderContinuous-v3", 1000),
)
_MUJOCO = (
    ("half_cheetah", "Half cheetah", "HalfCheetah", 1000),
    ("hopper", "Hopper", "Hopper", 1000),
    ("inverted_double_pendulum", "Inverted double pendulum", "InvertedDoublePendulum", 1000),
    ("inverted_pendulum", "Inverted pendulum", "InvertedPendulum", 1000),
    ("reacher", "Reacher", "Reacher", 50),
    ("swimmer", "Swimmer", "Swimmer", 1000),
    ("walker2d", "Walker 2D", "Walker2d", 1000),
)
"""Name, title, the key under which numbers of any version are published, cap."""


def _of_mujoco() -> Iterator[GymnasiumTask]:
    """Yield the tasks of MuJoCo: version 4 is the dynamics of versions 1 to 3, version 5 is another task for most."""
    for name, title, key, cap in _MUJOCO:
        yield _task(name, title, f"{key}-v4", cap, published_key=key)
        yield _task(f"{name}_v5", f"{title} (v5)", f"{key}-v5", cap, published_key=key)


GYMNASIUM_TASKS: dict[str, GymnasiumTask] = {task.name: task for task in (*_CLASSIC_CONTROL, *_BOX2D, *_of_mujoco())}
"""Every task of Gymnasium, by name."""
