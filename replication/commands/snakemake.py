"""Snakemake as a process: its command line, with one of the workflow's profiles, and its end in order."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from replication.foundation.errors import ReplicationError
from replication.foundation.paths import IN_CHECKOUT, PROJECT, WORKFLOW, working_folder
from replication.foundation.resources import usable_cpus

PROFILES = WORKFLOW / "profiles"


def known_profiles() -> list[str]:
    """List the profiles of the workflow: the ways to run an experiment, on one machine or on a cluster."""
    return sorted(path.parent.name for path in PROFILES.glob("*/config.yaml"))


def profile_cores(profile: str) -> int | None:
    """Count the cores of a profile that takes all: of Snakemake's count a container's limit is no part.

    Returns: None where the profile says another number, or none.
    """
    takes_all = re.search(r"^cores: *all *$", (PROFILES / profile / "config.yaml").read_text(), re.MULTILINE)
    return usable_cpus() if takes_all else None


def snakemake_command(
    experiment: str, results: Path, cores: int | None, targets: Sequence[str] = (), profile: str = "default"
) -> list[str]:
    """Return the command line that brings an experiment to its page.

    Args:
        experiment: file of workflow/experiments.
        results: root of the results; a relative one lies under the root of the checkout, or the folder one is in.
        cores: jobs at a time; None: as many as the profile says.
        targets: rules such as `runs` or `partial`; none: the page.
        profile: one of `known_profiles()`.
    """
    return [
        *(sys.executable, "-m", "snakemake", *targets),
        *("--snakefile", str(PROJECT / "Snakefile"), "--directory", str(working_folder())),
        *("--workflow-profile", str(PROFILES / profile)),
        *(["--cores", str(cores)] if cores is not None else []),
        *("--config", f"experiment={experiment}", f"results={results}"),
    ]


def run_snakemake(command: Sequence[str]) -> int:
    """Run Snakemake to its end; its rules call `python`, which must be the interpreter this program runs in.

    Returns: its exit code.
    Raises:
        ReplicationError: it cannot be started.
        KeyboardInterrupt: a signal came; Snakemake and its jobs have ended by then.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    # A program that is installed may be called from a folder with another one, such as a checkout, which Python would
    # find first.
    own = {} if IN_CHECKOUT else {"PYTHONSAFEPATH": "1"}
    # A Ctrl-C reaches every process of the terminal. Snakemake is not to answer it: it would report each job that
    # stops in order as one that failed. Its jobs set the signal for themselves.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = subprocess.Popen(command, env=os.environ | own | {"PATH": path})
    except OSError as error:
        raise ReplicationError(f"{command[0]}: cannot be started ({error.strerror})") from None
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        return process.wait()
    except KeyboardInterrupt:
        from replication.commands.snakemake_processes import end_in_order  # a machine that only trains has no psutil

        end_in_order(process)
        raise
