"""`python -m replication`: the moment the process began is noted first, and what a signal does is settled."""

import signal
import sys
import time
from types import FrameType
from typing import NoReturn

STARTED = time.monotonic()
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """End what is being done; a second signal must not interrupt the words of the first."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def _main() -> int:
    for each in SIGNALS:
        signal.signal(each, _stop)
    try:
        from replication.commands.cli import main

        return main(started=STARTED)
    except KeyboardInterrupt:  # while the command line itself was loaded
        print("stopped", file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in {"", "replication"}:
            raise
        print(
            f"error: package {package}: not installed for {sys.executable}; `make venv` builds .venv with all of them, "
            "call .venv/bin/python",
            file=sys.stderr,
        )
        return 2
    finally:
        for each in SIGNALS:  # there is nothing left to be stopped
            signal.signal(each, signal.SIG_IGN)


if __name__ == "__main__":
    raise SystemExit(_main())
