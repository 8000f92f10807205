"""`python -m replication`: the moment the process began is noted first, and what a signal does is settled."""

import os
import signal
import sys
import time
from types import FrameType
from typing import NoReturn

from replication.foundation.process_environment import settle
from replication.foundation.stopping import ERROR_EXIT_CODE, STOPPED_EXIT_CODE, leave_terminal, stopping_signals

STARTED = time.monotonic()
SIGNALS = stopping_signals()


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """End what is being done; from here on signals are ignored, so that a second one cuts no words of the first."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    leave_terminal(number)
    raise KeyboardInterrupt


def main() -> int:
    """Run the command line; a signal, or a package that is missing, ends it with one line."""
    for each in SIGNALS:
        signal.signal(each, _stop)
    try:
        settle(os.environ)
        from replication.commands.cli import main

        return main(started=STARTED)
    except KeyboardInterrupt:  # while the command line itself was loaded
        print("stopped", file=sys.stderr)
        return STOPPED_EXIT_CODE
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in {"", "replication"}:
            raise
        print(
            f"error: package {package}: not installed for {sys.executable}; `make venv` builds .venv with all of them, "
            "call .venv/bin/python",
            file=sys.stderr,
        )
        return ERROR_EXIT_CODE
    finally:
        for each in SIGNALS:  # there is nothing left to be stopped
            signal.signal(each, signal.SIG_IGN)


if __name__ == "__main__":
    raise SystemExit(main())
