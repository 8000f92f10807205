"""Simulators by the kind of their task; only what that kind needs is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replication.environments.contract import PresentedTask, Simulator
from replication.foundation.errors import ReplicationError
from replication.specification.tasks.atari_games import Game
from replication.specification.tasks.gymnasium_tasks import GymnasiumTask
from replication.specification.tasks.task import Task

if TYPE_CHECKING:  # what is presented of each kind keeps the contract
    from replication.environments.atari.presentation import PresentedGame
    from replication.environments.gymnasium.presentation import PresentedGymnasium

    PRESENTED: tuple[type[PresentedTask], ...] = (PresentedGame, PresentedGymnasium)


def open_simulator(task: Task) -> Simulator:
    """Open a fresh simulator of a task.

    Raises:
        ReplicationError: tasks of its kind leave no traces; what plays it is missing, or another than expected.
    """
    if isinstance(task, Game):
        from replication.environments.atari.emulator import open_emulator

        return open_emulator(task.name)
    if isinstance(task, GymnasiumTask):
        from replication.environments.gymnasium.simulator import GymnasiumSimulator

        return GymnasiumSimulator(task)
    raise ReplicationError(
        f"task {task.name}: found one of kind {task.kind}, which no simulator plays; expected atari or gymnasium"
    )
