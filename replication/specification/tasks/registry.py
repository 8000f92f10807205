"""Every task there is, of every kind."""

from __future__ import annotations

from replication.foundation.errors import unknown_name
from replication.specification.tasks.atari_games import GAMES
from replication.specification.tasks.gridworlds import GRIDWORLDS
from replication.specification.tasks.gymnasium_tasks import GYMNASIUM_TASKS
from replication.specification.tasks.small_mdps import SMALL_MDPS
from replication.specification.tasks.task import Task

POLE = Task(name="pole", title="Pole on a cart", published_key="pole", kind="pole")

TASKS: dict[str, Task] = {**GAMES, **GRIDWORLDS, **SMALL_MDPS, **GYMNASIUM_TASKS, POLE.name: POLE}


def find_task(name: str) -> Task:
    """Find a task by its name; no other spelling is accepted.

    Raises:
        ReplicationError: there is no such task; the nearest name is offered.
    """
    if name not in TASKS:
        raise unknown_name("task", name, TASKS)
    return TASKS[name]
