"""The main process's handle of a worker: starts it, sends it messages, receives its answers and ends it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from array import array
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from replication.foundation.errors import ReplicationError
from replication.foundation.paths import PACKAGE
from replication.foundation.stopping import stopping_signals
from replication.training.workers.process import FAILED, REQUEST, Assignment

CHECK_SECONDS = 0.1
"""Between two calls of `check` while an answer is waited for."""
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS", "NUMBA")}


class Worker:
    """A process with some lanes. Messages to it are numbered, and answered in this order."""

    def __init__(self, assignment: Assignment, memory: int, kinds: Sequence[int]) -> None:
        """Start the process and send it its lanes; `answer(self.started)` waits until it has opened them.

        Args:
            assignment: its lanes.
            memory: descriptor of the memory it shares.
            kinds: of messages, in the order in which they are sent.
        """
        self._names = assignment.names
        ours, theirs = socket.socketpair()
        command = [
            sys.executable,
            "-P",
            "-m",
            "replication.training.workers.process",
            str(theirs.fileno()),
            str(memory),
        ]
        paths = os.pathsep.join([str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
        # A new process inherits blocked signals: those that stop a run are for the main process alone to answer.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, stopping_signals())
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                env=os.environ | ONE_THREAD | {"PYTHONPATH": paths},
                pass_fds=[theirs.fileno(), memory],
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()
            self._connection = Connection(ours.detach())
        self._posted: dict[int, list[int]] = {kind: [] for kind in kinds}
        self._newest = dict.fromkeys(self._posted, 0)
        self._sent = self._received = 0
        self._found: dict[int, Any] = {}
        self._send(array("h", (REQUEST,)), assignment)
        self.started = self._sent

    def post(self, kind: int, number: int, action: int) -> None:
        """Add a lane's number and an action to the next message of this kind."""
        self._posted[kind] += (number, action)

    def send_posted(self) -> None:
        """Send all that was posted, in one message of each kind."""
        for kind, posted in self._posted.items():
            if posted:
                self._send(array("h", (kind, *posted)))
                self._newest[kind] = self._sent
                posted.clear()

    def wait(self, kind: int) -> None:
        """Wait until all messages of this kind are answered.

        Raises:
            ReplicationError: a lane failed, or the process has ended.
        """
        while self._received < self._newest[kind]:
            self._receive()

    def request(self, number: int, name: str, *given: Any) -> int:
        """Ask for the result of a method of the worker's host for a lane.

        Returns: the number of the request, for `answer`.
        """
        self.send_posted()
        self._send(array("h", (REQUEST,)), (number, name, *given))
        return self._sent

    def answer(self, request: int, check: Callable[[], object] | None = None) -> Any:
        """Wait for the result of a request.

        Args:
            request: from `request`.
            check: called again and again meanwhile; if it raises, the waiting ends.

        Raises:
            ReplicationError: the lane failed, or the process has ended.
        """
        while self._received < request:
            while check is not None and not self._connection.poll(CHECK_SECONDS):
                check()
            self._receive()
        return self._found.pop(request)

    def end(self) -> None:
        """Kill the process; what its lanes hold is lost."""
        self._connection.close()
        self._process.kill()
        self._process.wait()

    def _send(self, message: array[int], request: Any = None) -> None:
        try:
            self._connection.send_bytes(message)
            if request is not None:
                self._connection.send(request)
        except OSError:
            raise self._gone() from None
        self._sent += 1

    def _receive(self) -> None:
        try:
            answer = self._connection.recv_bytes()
            found = self._connection.recv() if answer else None
        except (EOFError, OSError):
            raise self._gone() from None
        self._received += 1
        if answer == FAILED:
            raise ReplicationError(found)
        if answer:
            self._found[self._received] = found

    def _gone(self) -> ReplicationError:
        code = self._process.wait()
        how = f"ended with code {code}"
        if code < 0:
            how = f"was killed by signal {-code}{', perhaps for want of memory' if code == -signal.SIGKILL else ''}"
        return ReplicationError(
            f"{self._names}: the worker process {how}; the same command continues from the checkpoints"
        )
