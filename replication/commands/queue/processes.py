"""The start of the queue's worker in the background, and its end together with its trainings."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from replication.commands.queue.clone import own_environment, place_clone
from replication.commands.queue.entries import Entry
from replication.commands.queue.folder import QueueFolder, Worker, read_json
from replication.commands.queue.worker import last_line
from replication.foundation.errors import ReplicationError
from replication.foundation.files import ensure_folder
from replication.foundation.git import clean_environment
from replication.foundation.locks import held, is_held

_POLL_SECONDS = 0.1
_ENDING_SECONDS = 600.0
"""Time for trainings whose worker was killed to write their checkpoints."""
_ANSWER_SECONDS = 300.0
"""Longest time that a worker takes to begin; it opens every task that waits, on a busy machine."""


def start(folder: QueueFolder, repository: Path, commit: str | None, python: Path | None, jobs: int) -> str:
    """Start the one worker of the queue, which survives this process and its terminal.

    Args:
        folder: of the queue.
        repository: the work tree that is cloned.
        commit: of its branch main; None: where the clone stands, at first the tip.
        python: of an environment to use as it is; None: the clone's own, which is built where it is missing.
        jobs: trainings at a time.

    Returns: what was done, in words.
    Raises:
        ReplicationError: a worker runs already; the clone or its environment cannot be made; the worker fails.
    """
    ensure_folder(folder.root, "name another with --folder")
    with held(folder.root / "start.lock", f"{folder.root}: another `queue start` is at work; wait for it"):
        if is_held(folder.worker_lock):
            worker = read_json(folder.worker, Worker)
            known = f"process {worker.pid}, {worker.jobs} at a time, commit {worker.commit[:12]}" if worker else ""
            raise ReplicationError(f"{folder.root}: the queue runs already ({known}); `queue stop` ends it")
        if orphans := living(folder):  # their worker was killed; they end with a checkpoint and are continued
            end(folder, _ENDING_SECONDS)
        if not [entry for entry in folder.read().entries if not folder.is_finished(entry)]:
            return "nothing waits in the queue; `queue add` puts something into it"
        at = place_clone(folder.clone, repository, commit)
        interpreter = python.absolute() if python else own_environment(folder.clone)
        pid = _launch(folder, interpreter, jobs)
    ended = f"; ended first, left by a worker that was killed: {_names(orphans)}" if orphans else ""
    if pid is None:
        return f"commit {at[:12]}: worked off already; `queue status` shows what became of it{ended}"
    return f"started: process {pid}, {jobs} at a time, commit {at[:12]}; `queue status` shows how far it is{ended}"


def stop(folder: QueueFolder, wait_seconds: float) -> str:
    """Tell the worker to stop, and wait until its trainings have written their checkpoints.

    Returns: what was done, in words.
    Raises:
        ReplicationError: some have not ended in time.
    """
    trainings = living(folder)
    if not is_held(folder.worker_lock) and not trainings:
        return "the queue does not run"
    end(folder, wait_seconds)
    stopped = f"; `queue start` goes on with {_names(trainings)}" if trainings else ""
    return f"stopped{stopped}"


def end(folder: QueueFolder, wait_seconds: float) -> None:
    """Send SIGTERM to the worker, which passes it on; or, where it was killed, to the trainings it left.

    Raises:
        ReplicationError: some have not ended in time.
    """
    deadline = time.monotonic() + wait_seconds
    told: set[int] = set()
    while True:
        trainings = living(folder)
        if is_held(folder.worker_lock):
            worker = read_json(folder.worker, Worker)
            pids = [worker.pid] if worker else []
        else:
            pids = [pid for entry in trainings if (pid := _pid(folder, entry)) is not None]
            if not trainings:
                return
        for pid in pids:
            if pid not in told:
                told.add(pid)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
        if time.monotonic() >= deadline:
            raise ReplicationError(
                f"{folder.root}: told to stop, but after {wait_seconds:.0f} seconds there still run "
                f"{_names(trainings) or 'the worker'}; give `queue stop` again to wait on"
            )
        time.sleep(_POLL_SECONDS)


def living(folder: QueueFolder) -> list[Entry]:
    """Find the entries that are being trained, whether their worker lives or not."""
    return [entry for entry in folder.read().entries if is_held(folder.running(entry))]


def _pid(folder: QueueFolder, entry: Entry) -> int | None:
    """Read the process id of a training; None as long as it is not written down, or the training has ended."""
    try:
        return int(folder.running(entry).read_text())
    except (OSError, ValueError):
        return None


def _launch(folder: QueueFolder, interpreter: Path, jobs: int) -> int | None:
    """Start the worker and wait until it has begun.

    Returns: its process id; None where it has worked everything off already.
    Raises:
        ReplicationError: it cannot be started, fails, or does not begin in time.
    """
    folder.logs.mkdir(parents=True, exist_ok=True)
    log = folder.logs / "worker.log"
    words = ["-m", "replication", "queue", "work", "--folder", str(folder.root), "--jobs", str(jobs)]
    try:
        with log.open("ab") as output:
            process = subprocess.Popen(
                [str(interpreter), *words],
                cwd=folder.clone,
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
    except OSError as error:
        raise ReplicationError(f"{interpreter}: cannot be started ({error.strerror}); name a Python") from None
    deadline = time.monotonic() + _ANSWER_SECONDS
    while time.monotonic() < deadline:
        code = process.poll()
        if code == 0:
            return None
        if code is not None:
            raise ReplicationError(f"{log}: the worker ended with exit code {code}: {last_line(log.read_bytes())}")
        worker = read_json(folder.worker, Worker)
        if worker is not None and worker.pid == process.pid:
            return process.pid
        time.sleep(_POLL_SECONDS)
    process.terminate()
    raise ReplicationError(f"{log}: the worker did not begin within {_ANSWER_SECONDS:.0f} seconds; start it again")


def _names(entries: list[Entry]) -> str:
    return ", ".join(entry.name for entry in entries)
