"""The command line: the commands there are, and what is common to them: exit codes, signals, errors in one line."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Sequence

from replication.commands import (
    check_environment,
    cite,
    compare,
    describe,
    discard,
    doctor,
    embed,
    export,
    fidelity,
    film,
    judge,
    merge,
    publish,
    render,
    run,
    state,
    train,
    verify,
    watch,
)
from replication.commands.benchmark import command as benchmark
from replication.commands.check_algorithm import command as check_algorithm
from replication.commands.completion import complete
from replication.commands.parser import Command, build_parser
from replication.commands.queue import command as queue
from replication.foundation.errors import ReplicationError
from replication.foundation.stopping import ERROR_EXIT_CODE, INTERRUPTED_EXIT_CODE, STOPPED_EXIT_CODE
from replication.specification.own_algorithms import add_own_algorithm

COMMANDS: dict[str, Command] = {
    "run": run,
    "train": train,
    "queue": queue,
    "watch": watch,
    "state": state,
    "embed": embed,
    "export": export,
    "fidelity": fidelity,
    "describe": describe,
    "check-algorithm": check_algorithm,
    "check-environment": check_environment,
    "doctor": doctor,
    "verify": verify,
    "merge": merge,
    "compare": compare,
    "discard": discard,
    "benchmark": benchmark,
    "judge": judge,
    "film": film,
    "render": render,
    "publish": publish,
    "cite": cite,
}
"""The commands by name, in the order of `--help`."""
_OF_THE_SYSTEM = (errno.ENOSPC, errno.EDQUOT, errno.ENAMETOOLONG, errno.EROFS)
"""Errors that no command can do anything about, wherever they come: a full disk, a name that is too long."""
CONTINUED = ("run", "train")
"""Commands that go on where they were stopped."""


def main(arguments: Sequence[str] | None = None, started: float | None = None) -> int:
    """Run one command.

    Args:
        arguments: of the command line; None: those of the process.
        started: moment of `time.monotonic` at which the process began; None: now.

    Returns: exit code: what the command returns; ERROR_EXIT_CODE for a problem the user can mend, which is printed as
        one line. For a command that was stopped by a signal, INTERRUPTED_EXIT_CODE where the same command goes on,
        STOPPED_EXIT_CODE where it begins again.
    """
    verb = None
    now = time.monotonic()
    try:
        parser = build_parser(COMMANDS)
        complete(parser)
        options = parser.parse_args(arguments)
        options.started = now if started is None else started
        verb = options.verb
        for source in getattr(options, "algorithm", []):
            add_own_algorithm(source)
        code = COMMANDS[verb].run(options)
        sys.stdout.flush()  # what cannot be written is told here, not when Python ends
        return code
    except KeyboardInterrupt as stopped:  # a Stopped says what is kept
        continues = verb in CONTINUED
        print(f"stopped{f'; {stopped}the same command continues' if continues else ''}", file=sys.stderr)
        return INTERRUPTED_EXIT_CODE if continues else STOPPED_EXIT_CODE
    except ReplicationError as error:
        print(f"error: {error}", file=sys.stderr)
        return ERROR_EXIT_CODE
    except BrokenPipeError:  # the reader of a pipe had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno not in _OF_THE_SYSTEM:
            raise
        print(f"error: {error.filename or 'the output'}: {error.strerror}", file=sys.stderr)
        if error.filename is None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ERROR_EXIT_CODE
