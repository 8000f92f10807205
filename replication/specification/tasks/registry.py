"""Every task there is, of every kind: those of this package, and a user's own."""

from __future__ import annotations

from replication.foundation.errors import ReplicationError, unknown_name
from replication.specification.tasks.atari_games import GAMES
from replication.specification.tasks.gridworlds import GRIDWORLDS
from replication.specification.tasks.gymnasium_tasks import GYMNASIUM_TASKS
from replication.specification.tasks.own_tasks import own_task_names, own_task_path, read_own_task
from replication.specification.tasks.small_mdps import SMALL_MDPS
from replication.specification.tasks.task import Task

POLE = Task(name="pole", title="Pole on a cart", published_key="pole", kind="pole")

TASKS: dict[str, Task] = {**GAMES, **GRIDWORLDS, **SMALL_MDPS, **GYMNASIUM_TASKS, POLE.name: POLE}
"""Those of this package."""


def known_tasks() -> list[str]:
    """List the names of all tasks, a user's own last."""
    return [*TASKS, *own_task_names()]


def find_task(name: str) -> Task:
    """Find a task by its name; no other spelling is accepted.

    Raises:
        ReplicationError: there is no such task, and the nearest name is offered; the YAML of a user's own is bad, or
            has the name of another task.
    """
    own = own_task_names()
    if name in own and name in TASKS:
        raise ReplicationError(
            f"{own_task_path(name)}: task: found {name!r}, which is a task of this package; rename it"
        )
    if name in own:
        return read_own_task(own_task_path(name))
    if name not in TASKS:
        raise unknown_name("task", name, known_tasks())
    return TASKS[name]
