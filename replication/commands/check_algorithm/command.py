"""The command `check-algorithm`: check that an algorithm's file does all that the training loop asks of it."""

from __future__ import annotations

import argparse
from pathlib import Path

from replication.foundation.stopping import ERROR_EXIT_CODE

HELP = "check that an algorithm's file does all that the engine asks of it"
DESCRIPTION = (
    "Build, differentiate, stack, train, resume and repeat an algorithm on a toy game, in seconds. One line a check: "
    f"passed, or what was found and what to do; the exit code is then {ERROR_EXIT_CODE}."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `check-algorithm`."""
    parser.add_argument("file", type=Path, help="the algorithm's Python file, in replication/algorithms or anywhere")
    parser.add_argument(
        "--variant",
        help="its YAML anywhere, or the name of a variant (default: all that this package has of the module; for a "
        "file outside of it, the YAML of the same name beside it)",
    )


def run(options: argparse.Namespace) -> int:
    """Check the algorithm with each variant that is asked for, and print one line a check.

    Returns: exit code 0.
    Raises:
        ReplicationError: a check failed, or the file cannot be checked at all.
    """
    from replication.commands.check_algorithm.checks import check_algorithm

    check_algorithm(options.file, options.variant)
    return 0
