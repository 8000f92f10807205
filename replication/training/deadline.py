"""A deadline: runs that cannot end in time are refused in their first seconds, not when the time is over."""

from __future__ import annotations

import time

from replication.foundation.durations import clock_text
from replication.foundation.errors import ReplicationError
from replication.training.machine.settings import Machine
from replication.training.time_left import TimeLeft


class Deadline:
    """The moment by which runs that train together are to have ended, if there is one.

    Args:
        machine: says when the process began, and how many seconds later the runs are to have ended.
    """

    def __init__(self, machine: Machine) -> None:
        self._seconds = machine.deadline_seconds
        self._started = machine.started

    def check(self, left: TimeLeft) -> None:
        """Compare the time left with the deadline, once: as soon as the speed of learning was seen.

        What was seen of one phase tells nothing of another: a phase not yet seen counts for nothing, so a run that is
        refused cannot end in time, and one that is not may still be late.

        Raises:
            ReplicationError: the runs cannot end in time.
        """
        if self._seconds is None or (least := left.least_seconds()) is None:
            return
        gone, limit = time.monotonic() - self._started, self._seconds
        self._seconds = None
        if gone + least > limit:
            raise ReplicationError(
                f"--deadline {limit:g}: found {least:,.0f} s ({clock_text(least)}) of training left at the speed so "
                f"far, expected at most {max(0.0, limit - gone):,.0f}; train fewer runs at a time or fewer frames, or "
                f"give --deadline {gone + least + 1:.0f} or more"
            )
