"""`python -m replication run`: have Snakemake do it, with the workflow's own profile, and stop it in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from replication.config import WORKFLOW
from replication.errors import ReplicationError

PROFILES = WORKFLOW / "profiles"
LOOK_SECONDS = 0.1
"""Between two looks at whether the jobs have ended."""


def known_profiles() -> list[str]:
    """The ways to run an experiment that the workflow brings along."""
    return sorted(path.parent.name for path in PROFILES.glob("*/config.yaml"))


def snakemake_command(
    experiment: str, results: Path, cores: int | None, targets: Sequence[str] = (), profile: str = "default"
) -> list[str]:
    """The command line that brings an experiment to its page.

    Args:
        experiment: file of workflow/experiments.
        results: root of the results; a relative one lies under the root of the repository.
        cores: jobs at a time; None: as many as the profile says.
        targets: rules such as `runs` or `partial`; none: the page.
        profile: one of `known_profiles()`.
    """
    root = WORKFLOW.parent
    return [
        *(sys.executable, "-m", "snakemake", *targets),
        *("--snakefile", str(root / "Snakefile"), "--directory", str(root)),
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
    # A Ctrl-C reaches every process of the terminal. Snakemake is not to answer it: it would report each job that
    # stops in order as one that failed. Its jobs set the signal for themselves.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = subprocess.Popen(command, env=os.environ | {"PATH": path})
    except OSError as error:
        raise ReplicationError(f"{command[0]}: cannot be started ({error.strerror})") from None
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        return process.wait()
    except KeyboardInterrupt:
        _end(process)
        raise


def _end(process: subprocess.Popen[bytes]) -> None:
    """End Snakemake at once, so that it starts nothing more, and its jobs in order: they write their checkpoints.

    Nothing is lost by that: what a job leaves is whole or absent, and Snakemake makes again what it knows to be begun.
    """
    with suppress(psutil.NoSuchProcess):
        snakemake = psutil.Process(process.pid)
        snakemake.suspend()  # now it has the children that it has
        jobs = set(snakemake.children(recursive=True))
        snakemake.kill()
        told: set[int] = set()
        while jobs := {each for job in jobs if _is_alive(job) for each in (job, *_children(job))}:
            for job in jobs:
                if job.pid not in told and _is_ours(job):
                    told.add(job.pid)
                    with suppress(psutil.NoSuchProcess):
                        job.terminate()
            time.sleep(LOOK_SECONDS)
    process.wait()


def _is_alive(job: psutil.Process) -> bool:
    try:
        return bool(job.is_running() and job.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _children(job: psutil.Process) -> list[psutil.Process]:
    """Those of a shell that has only now begun its command, for one."""
    try:
        return list(job.children())
    except psutil.NoSuchProcess:
        return []


def _is_ours(job: psutil.Process) -> bool:
    """Whether it is a command of this program: not the shell around it, nor the tee that keeps its last words."""
    try:
        return bool(job.cmdline()[1:3] == ["-m", "replication"])
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
