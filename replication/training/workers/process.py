"""A worker: a process that holds some lanes of a cohort and does with them what the main process says.

Which lanes, and what can be done with them, is the family's: an `Assignment`, which opens a `Host`. The process ends
when the main process does, however that ends. It is sent:

- messages of 16-bit integers. The first is their kind, which names a method of the host; pairs follow, of a lane's
  number in this worker and an action. All other input and output is in the shared memory;
- REQUEST alone, followed by a tuple: a lane's number, the name of a method of the host, its arguments. The very first
  is followed by the assignment instead.

Each is answered in its turn: by an empty message, by FOUND and the result of a request, or by FAILED and an error in
words.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from array import array
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from replication.foundation.errors import ReplicationError

REQUEST = -1
FOUND, FAILED = b"found", b"failed"


class Host(Protocol):
    """The lanes of a worker, by number; it has further methods that can be asked for by name."""

    @property
    def methods(self) -> Mapping[int, Callable[[int, int], None]]:
        """What is done with a lane's number and an action, by kind of message."""

    def opened(self) -> Any:
        """Return what the main process is told once all lanes are open."""

    def name(self, number: int) -> str:
        """Return the name of a lane's run."""


class Assignment(Protocol):
    """The lanes that a worker is to hold; it is sent there, so its module must be cheap to import."""

    @property
    def names(self) -> str:
        """The names of its runs, for messages."""

    def open(self, memory: int) -> Host:
        """Open the lanes, in the worker; `memory` is the descriptor of the memory that is shared."""


def _reason(error: Exception) -> str:
    """Describe an error that a user cannot mend, with the place in the program, in one line."""
    place, trace = "", error.__traceback__
    while trace is not None:
        place = f" in {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return " ".join(f"{type(error).__name__}: {error}{place}".split())


def _serve(connection: Any, memory: int) -> None:
    """Read messages and answer each, until the main process closes the connection."""
    connection.recv_bytes()
    try:
        host: Host = connection.recv().open(memory)
    except Exception as error:
        connection.send_bytes(FAILED)
        connection.send(str(error) if isinstance(error, ReplicationError) else f"a worker process failed: {error}")
        return
    connection.send_bytes(FOUND)
    connection.send(host.opened())
    while True:
        message = array("h", connection.recv_bytes())
        try:
            if message[0] == REQUEST:
                found = _ask(host, *connection.recv())
                connection.send_bytes(FOUND)
                connection.send(found)
            else:
                _do(host, message)
                connection.send_bytes(b"")
        except ReplicationError as error:
            connection.send_bytes(FAILED)
            connection.send(str(error))


def _do(host: Host, message: array[int]) -> None:
    """Carry out a message: the method of its kind, for each pair of a lane's number and an action."""
    method = host.methods[message[0]]
    for number, action in zip(message[1::2], message[2::2], strict=True):
        try:
            method(number, action)
        except Exception as error:
            raise _in_words(host.name(number), error) from None


def _ask(host: Host, number: int, name: str, *given: Any) -> Any:
    """Call a method of the host for a lane and return its result."""
    try:
        return getattr(host, name)(number, *given)
    except Exception as error:
        raise _in_words(host.name(number), error) from None


def _in_words(name: str, error: Exception) -> ReplicationError:
    if isinstance(error, ReplicationError):
        return error
    return ReplicationError(f"{name}: its worker process failed ({_reason(error)})")


def _end_with(descriptor: int) -> None:
    """End this process as soon as the other side of the connection is closed, whatever it is doing then."""
    hung_up = select.poll()
    hung_up.register(descriptor, 0)
    hung_up.poll()
    os._exit(0)


def _main() -> None:
    descriptor, memory = (int(text) for text in sys.argv[1:])
    threading.Thread(target=_end_with, args=[descriptor], daemon=True).start()
    with suppress(EOFError, OSError):  # the main process has closed the connection
        _serve(Connection(descriptor), memory)


if __name__ == "__main__":
    _main()
