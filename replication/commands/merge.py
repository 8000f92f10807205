"""The command `merge`: take runs that were made elsewhere into a results folder, each verified first."""

from __future__ import annotations

import argparse
from pathlib import Path

from replication.commands.arguments import at_least_one
from replication.foundation.errors import ReplicationError

HELP = "take runs of another results folder into this one, each verified first"
DESCRIPTION = (
    "Copy the finished runs of another results folder that this one lacks. Each copy is verified before it is put in "
    "its place; one that does not verify is refused. What the other manifest says of runs that were begun, failed or "
    "were discarded is copied too. Nothing that is here is touched, and the same command goes on after an interruption."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `merge`."""
    parser.add_argument("other", type=Path, metavar="OTHER", help="the results folder of another site, with runs/")
    parser.add_argument("--results", type=Path, default=Path("results"), help="where the runs are taken to")
    parser.add_argument("--cores", type=at_least_one, help="runs verified at a time (default: all cores)")


def run(options: argparse.Namespace) -> int:
    """Take what verifies, a line each, and count it.

    Returns: exit code 0.
    Raises:
        ReplicationError: the other folder has no runs, or is this one; its manifest is damaged; a run was refused,
            which is said once the others are taken.
    """
    from replication.commands.merged_results import merge
    from replication.foundation.locks import held
    from replication.foundation.resources import usable_cpus

    other, results = options.other, options.results
    if not (other / "runs").is_dir():
        raise ReplicationError(f"{other}: found no folder runs/, expected the results folder of another site")
    if other.resolve() == results.resolve():
        raise ReplicationError(f"{other}: is the folder that runs are taken to; name that of another site")
    with held(results / "logs" / "merge.lock", f"{results}: another `merge` is at work; wait for it"):
        return merge(other, results, options.cores or usable_cpus())
