"""What the queue's environment lacks for the runs that wait: each of them would fail for it, one after another."""

from __future__ import annotations

import subprocess
import sys

from replication.commands.queue.folder import QueueFolder
from replication.commands.simulators import unplayable
from replication.foundation.errors import ReplicationError
from replication.foundation.git import clean_environment
from replication.training.contract import load_family


def check_environment(folder: QueueFolder) -> str:
    """Import what the families of the waiting runs train with, and open each of their tasks, in this process.

    Returns: what was found good, in words.
    Raises:
        ReplicationError: something is missing, the first that is.
    """
    runs = []
    for entry in folder.read().entries:
        if not folder.is_finished(entry):
            try:
                runs.append(entry.run())
            except ReplicationError:
                continue  # refused when its turn comes: that is for its settings, not for this environment
    for name in dict.fromkeys(run.family.name for run in runs):
        try:
            load_family(name)
        except (ImportError, OSError) as error:  # OSError: a library that a package loads is missing
            reason = " ".join(str(error).split())
            raise ReplicationError(
                f"{sys.executable}: family {name} cannot train here ({reason}); `make -B venv`{_GO_ON}"
            ) from None
    tasks = list(dict.fromkeys(run.task for run in runs))
    for task, reason in unplayable(tasks):
        others = sum(run.task == task for run in runs)
        raise ReplicationError(f"{sys.executable}: {others} waiting of task {task.name}: {reason}{_GO_ON}")
    return f"{sys.executable}: {len(runs)} waiting, every one of their {len(tasks)} tasks can be played"


_GO_ON = ", or name another environment with --python; no run has failed for it, `queue start` goes on"


def ask_environment(folder: QueueFolder) -> None:
    """Ask a process of its own whether the environment lacks something: the worker stays small.

    Raises:
        ReplicationError: what it says.
    """
    command = [sys.executable, "-m", "replication", "queue", "check", "--folder", str(folder.root)]
    done = subprocess.run(
        command, cwd=folder.clone, env=clean_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise ReplicationError(said[-1].removeprefix("error: ") if said else f"exit code {done.returncode}")
