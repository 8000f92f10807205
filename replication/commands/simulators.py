"""What plays the tasks of an experiment or a queue: whether it is there, and in which version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version

from replication.environments.registry import open_simulator
from replication.foundation.errors import ReplicationError
from replication.specification.tasks.task import Task

PLAYED = ("atari", "gymnasium")
"""Kinds of task that a simulator plays; the others are computed by this package alone."""
PACKAGES = ("gymnasium", "mujoco", "Box2D")
"""What plays the tasks of Gymnasium: itself, and the two packages of physics."""


def simulator_versions() -> dict[str, str | None]:
    """Return the version of each package that plays tasks of Gymnasium; None: it is not installed."""
    found: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def unplayable(tasks: Iterable[Task]) -> Iterator[tuple[Task, str]]:
    """Open each task once, and yield those that cannot be played here, with the reason in one line."""
    for task in dict.fromkeys(tasks):
        if task.kind not in PLAYED:
            continue
        try:
            open_simulator(task)
        except (ReplicationError, ImportError) as error:
            yield task, " ".join(str(error).split())
