"""The command `verify`: derive again all of a results folder that can be derived."""

from __future__ import annotations

import argparse
from pathlib import Path

from replication.commands.arguments import at_least_one
from replication.foundation.errors import ReplicationError
from replication.foundation.paths import state_root
from replication.foundation.stopping import ERROR_EXIT_CODE

HELP = "play every trace again and derive every score and table from them"
DESCRIPTION = (
    "Check a results folder without weights: every emulator frame is played again under the run's protocol, and every "
    "score, table and verdict derived again. The first difference is named, and the exit code is "
    f"{ERROR_EXIT_CODE}."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `verify`."""
    parser.add_argument(
        "results",
        nargs="?",
        type=Path,
        default=Path("results"),
        help="a results folder (default: results), or a part of one: a trace, a run, a variant, an experiment; "
        "what lies in results is found by its bare name too, such as dopamine_curves or dqn_dopamine",
    )
    parser.add_argument("--cores", type=at_least_one, help="runs played at a time (default: all cores)")
    parser.add_argument(
        "--policy",
        action="store_true",
        help="also play stored networks again, which needs torch, and learn those that lie in records again",
    )
    parser.add_argument(
        "--state",
        type=Path,
        help="a state of training: its files are compared with the digests that records have of them; where networks "
        "lie (default for those: $REPLICATION_STATE or results/state)",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(options: argparse.Namespace) -> int:
    """Check a results folder and print what was checked.

    Returns: exit code 0.
    Raises:
        ReplicationError: the first difference.
    """
    from replication.commands.verify_results import named_part, run_folders, verify, verify_part, whole_results
    from replication.evidence.verify_state import check_states

    options.results = named_part(options.results)
    if whole_results(options.results) not in (None, options.results.resolve()):
        if options.state is not None:
            raise ReplicationError("--state: expected a whole results folder; leave it out to check a part")
        print(verify_part(options.results, options.cores, learn_again=options.policy, quiet=options.quiet))
        return 0
    folders = run_folders(options.results, ("runs",))  # only our own networks and states can be there
    print(verify(options.results, options.cores, learn_again=options.policy, quiet=options.quiet))
    if options.policy:
        from replication.training.play_again import check_policies

        print(check_policies(folders, options.state or state_root(), quiet=options.quiet))
    if options.state is not None:
        print(check_states(folders, options.state))
    return 0
