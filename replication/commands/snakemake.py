"""Snakemake as a process: its command line, with one of the workflow's profiles, and its end in order."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

from replication.commands.snakemake_words import Heard, failure_lines, listen, open_log
from replication.foundation.errors import ReplicationError
from replication.foundation.paths import IN_CHECKOUT, PROJECT, WORKFLOW, working_folder
from replication.foundation.progress import say
from replication.foundation.resources import usable_cpus

_LAST_WORDS_SECONDS = 5.0
"""How long to wait for the rest of what an ended Snakemake said."""
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


def run_snakemake(command: Sequence[str], log: Path) -> int:
    """Run Snakemake to its end; its rules call `python`, which must be the interpreter this program runs in.

    The terminal shows what each job says and a line when one begins. Where one fails, its own message is the last line.

    Args:
        command: its command line.
        log: the file that takes all of its words.

    Returns: its exit code.
    Raises:
        ReplicationError: it cannot be started; the log cannot be written.
        KeyboardInterrupt: a signal came; Snakemake and its jobs have ended by then.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    # A program that is installed may be called from a folder with another one, such as a checkout, which Python would
    # find first.
    own = {} if IN_CHECKOUT else {"PYTHONSAFEPATH": "1"}
    # A Ctrl-C reaches every process of the terminal. Snakemake is not to answer it: it would report each job that
    # stops in order as one that failed. Its jobs set the signal for themselves.
    heard = Heard()
    with open_log(log) as written:
        say(f"what Snakemake says: {log}")
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            process = subprocess.Popen(
                command,
                env=os.environ | own | {"PATH": path},
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            raise ReplicationError(f"{command[0]}: cannot be started ({error.strerror})") from None
        finally:
            signal.signal(signal.SIGINT, before)
        listener = Thread(target=listen, args=(process.stderr, written, heard), daemon=True)
        listener.start()
        try:
            code = process.wait()
        except KeyboardInterrupt:
            # A machine that only trains has no psutil.
            from replication.commands.snakemake_processes import end_in_order

            end_in_order(process)
            raise
        finally:
            listener.join(_LAST_WORDS_SECONDS)
    if code:
        for line in failure_lines(heard, log, working_folder()):
            say(line)
    return code
