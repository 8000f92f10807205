"""The end of a Snakemake and its jobs, in which each job leaves what it is continued from."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress

import psutil

LOOK_SECONDS = 0.1
"""Time between two looks at whether the jobs have ended."""


def end_in_order(process: subprocess.Popen[str]) -> None:
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
    """Find the children of a job, such as the command that its shell has only now begun."""
    try:
        return list(job.children())
    except psutil.NoSuchProcess:
        return []


def _is_ours(job: psutil.Process) -> bool:
    """Return whether it is a command of this program, not the shell around it or the tee that logs it."""
    try:
        return bool(job.cmdline()[1:3] == ["-m", "replication"])
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
