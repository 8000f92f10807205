"""The command `verify`: derive again all of a results folder that can be derived."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from replication.commands.arguments import add_algorithm, at_least_one
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
    add_algorithm(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(options: argparse.Namespace) -> int:
    """Check a results folder and print what was checked.

    Returns: exit code 0.
    Raises:
        ReplicationError: the first difference.
    """
    for words in check(options.results, options.cores, policy=options.policy, state=options.state, quiet=options.quiet):
        print(words)
    return 0


def check(results: Path, cores: int | None, *, policy: bool, state: Path | None, quiet: bool) -> Iterator[str]:
    """Check a results folder, or a part of one.

    Args:
        results: the folder, or the name of a part that lies in results.
        cores: runs played at a time; None: one a core.
        policy: also play stored networks again, and learn those that lie in records again.
        state: root of a state whose files are compared too, and where networks lie; None: no files are compared.
        quiet: no progress bar.

    Yields: what was checked, in words.
    Raises:
        ReplicationError: the first difference.
    """
    from replication.commands.verify_results import named_part, run_folders, verify, verify_part, whole_results
    from replication.evidence.verify_state import check_states

    results = named_part(results)
    if whole_results(results) not in (None, results.resolve()):
        if state is not None:
            raise ReplicationError("--state: expected a whole results folder; leave it out to check a part")
        yield verify_part(results, cores, learn_again=policy, quiet=quiet)
        return
    folders = run_folders(results, ("runs",))  # only our own networks and states can be there
    yield verify(results, cores, learn_again=policy, quiet=quiet)
    if policy:
        from replication.training.play_again import check_policies

        yield check_policies(folders, state or state_root(), quiet=quiet)
    if state is not None:
        yield str(check_states(folders, state))
