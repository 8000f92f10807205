"""The command `watch`: a page of the runs in training, which a browser loads again every few seconds."""

from __future__ import annotations

import argparse
import time

from replication.commands.arguments import add_state_folder, seconds
from replication.evidence.stored_state import WATCHED
from replication.foundation.files import write_atomically

HELP = "keep a page of the runs in training: curves, the published band, speed, time left"
DESCRIPTION = (
    "Keep a page of the runs in training, those of the queue too, and say where it is: one file in the state folder, "
    "which a browser loads again by itself. It only reads: no number depends on it. Ctrl-C ends it."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `watch`."""
    parser.add_argument(
        "name",
        nargs="?",
        help="an experiment, or a run by its place in the state: VARIANT/TASK/SEED/DIGEST, or the first parts of it "
        "(default: all that train here)",
    )
    parser.add_argument("--once", action="store_true", help="write the page once, and a line a run here, and end")
    parser.add_argument("--every", type=seconds, default=5.0, help="seconds between two looks (default: 5)")
    add_state_folder(parser)


def run(options: argparse.Namespace) -> int:
    """Write the page, again and again until it is stopped.

    Returns: exit code 0.
    Raises:
        ReplicationError: a bad experiment; the page cannot be written.
    """
    # Where only help is asked for, neither numpy nor pandas is loaded.
    from replication.commands.watched_runs import WatchedRuns, states_to_watch
    from replication.report.pages.live import line_of, live_page

    states = states_to_watch(options.state)
    named = "" if options.name is None else "_" + options.name.strip("/").replace("/", "_")
    path = states[0] / f"{WATCHED}{named}.html"
    watched = WatchedRuns(options.name, states)
    title = f"In training: {options.name or 'all runs here'}"
    said = False
    try:
        while True:
            shown, now = watched.shown(), time.time()
            write_atomically(path, live_page(shown, title, watched.note(shown), now, options.every).encode())
            if not said:
                print(f"page: {path.resolve()}", flush=True)
                said = True
            if options.once:
                print(*[line_of(one, now) for one in shown] or ["nothing is in training"], sep="\n")
                return 0
            time.sleep(max(1.0, options.every))
    except KeyboardInterrupt:
        return 0
