"""The workers of a cohort."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from replication.training.workers.handle import Worker
from replication.training.workers.process import Assignment


class WorkerPool:
    """The workers of a cohort, for as long as the `with` block lasts.

    Args:
        assignments: one a worker.
        memory: descriptor of the memory that all of them share; once they are started it may be closed here.
        kinds: of messages, in the order in which they are sent.
    """

    def __init__(self, assignments: Sequence[Assignment], memory: int, kinds: Sequence[int]) -> None:
        """Start the workers; they open their lanes at the same time."""
        self.workers: list[Worker] = []
        self.unsent = False
        """True while a worker has been posted something that is not sent yet."""
        try:
            for assignment in assignments:
                self.workers.append(Worker(assignment, memory, kinds))
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in self.workers:
            worker.end()

    def opened(self) -> list[Any]:
        """Wait until each worker has opened its lanes, and return what it says of them.

        Raises:
            ReplicationError: a lane cannot be opened, or a process has ended.
        """
        return [worker.answer(worker.started) for worker in self.workers]

    def send(self) -> None:
        """Send each worker what was posted to it."""
        self.unsent = False
        for worker in self.workers:
            worker.send_posted()
