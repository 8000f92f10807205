"""The command `check-environment`: say in a line each what an environment of Gymnasium lacks to be a task."""

from __future__ import annotations

import argparse

from replication.foundation.errors import ReplicationError
from replication.foundation.stopping import ERROR_EXIT_CODE

HELP = "check that an environment of Gymnasium can be a task: seeding, determinism, ends, bounds"
DESCRIPTION = (
    "Play a few hundred random steps of an environment and say, one line a check, whether its runs can be recorded and "
    f"played again: passed, or what was found and what to do; the exit code is then {ERROR_EXIT_CODE}."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `check-environment`."""
    parser.add_argument(
        "environment", help="a task, the name of an environment that Gymnasium knows, or module:Class of one of yours"
    )


def run(options: argparse.Namespace) -> int:
    """Check the environment and print one line a check.

    Returns: exit code 0.
    Raises:
        ReplicationError: a check failed, or the environment cannot be made at all.
    """
    from replication.environments.gymnasium.checks import examine, task_or_environment

    name = str(options.environment)
    findings = examine(task_or_environment(name))
    for finding in findings:
        print(f"{name}: {finding.check}: {finding.problem or f'passed{finding.remark}'}", flush=True)
    if failed := [finding.check for finding in findings if finding.problem]:
        raise ReplicationError(
            f"{name}: {len(failed)} check{'s' * (len(failed) > 1)} failed ({', '.join(failed)}); mend the environment "
            "and check again"
        )
    return 0
