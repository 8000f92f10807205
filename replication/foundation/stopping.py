"""Ends of a command before its work is done: at a signal, or when its limit of time is over.

Both are noticed at places where everything is in order: between two steps of training, between two actions of an
evaluation, between two steps of a replay memory that is played again.
"""

from __future__ import annotations

import os
import signal
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from replication.foundation.errors import ReplicationError

LACKING_EXIT_CODE = 1
"""`doctor` found that something is missing."""
ERROR_EXIT_CODE = 2
"""There is a problem that the user can mend; it was printed as one line."""
INTERRUPTED_EXIT_CODE = 75
"""The command was stopped, by a signal or by its limit of time; the same command continues."""
STOPPED_EXIT_CODE = 130
"""The command was stopped by a signal and begins again when it is given again; what shells say of Ctrl-C."""

UNMEASURED_SHARE = 0.05
"""Of the limit, left for the last checkpoint as long as none was written that says how long one takes."""
EXIT_SECONDS = 0.5
"""Left for the process to end after it."""


def stopping_signals() -> tuple[signal.Signals, ...]:
    """Return the signals that end a command: Ctrl-C, a polite end, and a terminal that is gone.

    Where the last is ignored already, as under nohup, it stays so.
    """
    hangup = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
    return (signal.SIGINT, signal.SIGTERM, *hangup)


def leave_terminal(number: int) -> None:
    """Send nowhere what is said from now on to a terminal that is gone, as SIGHUP says: writing to it fails."""
    if number != signal.SIGHUP:
        return
    for descriptor in (1, 2):
        if stat.S_ISCHR(os.fstat(descriptor).st_mode):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)


class Stopped(KeyboardInterrupt):
    """The end of the work in hand, which has left what it is continued from; its words say what that is."""


class Stop:
    """The moment to stop: at a signal, or before a limit of time is over.

    Args:
        started: moment of `time.monotonic` from which the limit counts: the start of the process.
        max_seconds: the limit; None: there is none.
    """

    def __init__(self, started: float, max_seconds: float | None) -> None:
        self.by_signal = False
        self.progressed = False
        """True once this process has made anything that it need not make again."""
        self._started = started
        self._max_seconds = max_seconds
        self._checkpoint_seconds = UNMEASURED_SHARE * max_seconds if max_seconds is not None else 0.0
        self._out_of_time = False

    def asked(self) -> bool:
        """Return whether to stop now: a signal came, or what is left of the limit is needed for a checkpoint."""
        if self._max_seconds is not None and not self._out_of_time:
            self._out_of_time = self._elapsed_seconds() + self._checkpoint_seconds + EXIT_SECONDS >= self._max_seconds
        return self.by_signal or self._out_of_time

    def check(self, left: str = "") -> None:
        """Stop here if that is asked.

        Args:
            left: what the work in hand is continued from, in words that go on with "the same command continues".

        Raises:
            Stopped: it is.
        """
        if self.asked():
            raise Stopped(left)

    def note_checkpoint(self, seconds: float) -> None:
        """Say how long a checkpoint took: so much of the limit is left for the last one."""
        self._checkpoint_seconds = seconds

    def words(self, stopped: Stopped) -> str:
        """Write the line for the person at the terminal.

        Raises:
            ReplicationError: the limit was over before anything was made: the same command would never come to an end.
        """
        if self.by_signal:
            return f"stopped by a signal; {stopped}the same command continues"
        if not self.progressed:
            raise ReplicationError(
                f"--max-seconds {self._max_seconds:g}: found {self._elapsed_seconds():.1f} s gone before anything new "
                "was trained or played: starting alone takes that long, the same command would never end; give more"
            )
        return f"stopped after --max-seconds; {stopped}the same command continues"

    def _elapsed_seconds(self) -> float:
        return time.monotonic() - self._started


@contextmanager
def noting_signals(stop: Stop) -> Iterator[None]:
    """Note the signals that stop within the block instead of ending the program."""

    def note(number: int, frame: FrameType | None) -> None:
        leave_terminal(number)
        stop.by_signal = True

    previous = {number: signal.signal(number, note) for number in stopping_signals()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
