"""Tasks of Gymnasium, as data: classic control."""

from __future__ import annotations

from dataclasses import dataclass

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


def _task(name: str, title: str, environment_id: str, registered_cap_steps: int) -> GymnasiumTask:
    return GymnasiumTask(
        name=name,
        title=title,
        published_key=environment_id,
        kind="gymnasium",
        environment_id=environment_id,
        registered_cap_steps=registered_cap_steps,
    )


# Source: Farama-Foundation/Gymnasium 1.4.0 gymnasium/envs/__init__.py.
_CLASSIC_CONTROL = (
    _task("acrobot", "Acrobot", "Acrobot-v1", 500),
    _task("cart_pole", "Cart pole", "CartPole-v1", 500),
    _task("mountain_car", "Mountain car", "MountainCar-v0", 200),
    _task("mountain_car_continuous", "Mountain car, continuous", "MountainCarContinuous-v0", 999),
    _task("pendulum", "Pendulum", "Pendulum-v1", 200),
)

GYMNASIUM_TASKS: dict[str, GymnasiumTask] = {task.name: task for task in _CLASSIC_CONTROL}
"""Every task of Gymnasium, by name."""
