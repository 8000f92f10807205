"""The worker of the queue: it trains entries in order, some at a time, each as `train` in a process of its own."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import FrameType

from replication.commands.queue.clone import current_commit
from replication.commands.queue.entries import Entry
from replication.commands.queue.environment import ask_environment
from replication.commands.queue.folder import Failure, QueueFolder, Worker
from replication.foundation.errors import ReplicationError
from replication.foundation.files import readable_json, write_atomically
from replication.foundation.git import clean_environment
from replication.foundation.locks import held, lock
from replication.foundation.paths import PROJECT
from replication.foundation.stopping import INTERRUPTED_EXIT_CODE, stopping_signals
from replication.specification.run_arguments import run_arguments

_POLL_SECONDS = 0.5
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass
class _Training:
    entry: Entry
    process: subprocess.Popen[bytes]
    told_to_stop: bool = False


def work(folder: QueueFolder, jobs: int) -> int:
    """Train the entries in order until none is left or SIGTERM comes, which is passed on to the trainings.

    Args:
        folder: of the queue; this program must be the one in its clone.
        jobs: trainings at a time.

    Returns: exit code: 0, or INTERRUPTED_EXIT_CODE where it was told to stop before the end.
    Raises:
        ReplicationError: it is another program; another worker is there; queue.json is bad; the environment lacks
            something that a waiting run needs.
    """
    if PROJECT.resolve() != folder.clone.resolve():
        raise ReplicationError(f"`queue work` is what `queue start` runs in {folder.clone}; give `queue start`")
    stop: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        stop.append(number)

    for number in stopping_signals():
        signal.signal(number, note)
    with ExitStack() as own:
        own.enter_context(held(folder.worker_lock, f"{folder.root}: another worker runs; `queue status` shows it"))
        ask_environment(folder)  # before anything is written down: what failed earlier still says why
        worker = Worker(pid=os.getpid(), commit=current_commit(folder.clone), jobs=jobs)
        write_atomically(folder.worker, readable_json(worker.model_dump()))
        for failure in folder.failures.glob("*.json"):
            failure.unlink()  # what failed before is tried again
        while True:
            _work_off(folder, worker, stop)
            # An addition sees either this worker, which then sees the addition, or none.
            with folder.editing():
                if stop or not _waiting(folder, ()):
                    folder.worker.unlink(missing_ok=True)
                    own.close()
                    break
    return INTERRUPTED_EXIT_CODE if stop else 0


def _work_off(folder: QueueFolder, worker: Worker, stop: Sequence[int]) -> None:
    running: list[_Training] = []
    try:
        while True:
            running = [training for training in running if not _ended(training, folder, stop)]
            if stop:
                for training in running:
                    if not training.told_to_stop:
                        training.process.terminate()
                        training.told_to_stop = True
            if len(running) < worker.jobs and not stop and _waiting(folder, running):
                with folder.editing():  # an entry that is being started is not removed
                    waiting = _waiting(folder, running)
                    started = _started(waiting[0], folder, worker) if waiting else None
                running += [started] if started else []
            elif not running:
                return
            else:
                time.sleep(_POLL_SECONDS)
    finally:  # only something unforeseen leaves any: no training goes on without a worker
        for training in running:
            training.process.terminate()
        for training in running:
            training.process.wait()


def _waiting(folder: QueueFolder, running: Sequence[_Training]) -> list[Entry]:
    """List the entries that can be started now; of those that share their checkpoints, one at a time."""
    busy = {training.entry.training_digest for training in running}
    return [
        entry
        for entry in folder.read().entries
        if entry.training_digest not in busy and not folder.is_finished(entry) and not folder.failure(entry).exists()
    ]


def _started(entry: Entry, folder: QueueFolder, worker: Worker) -> _Training | None:
    """Start the training of an entry; None where its settings at this commit are not those it was added with."""
    try:
        run = entry.run()
    except ReplicationError as error:
        reason = f"at commit {worker.commit[:12]}: {error}; `queue remove {entry.id}`, then add it anew"
        _fail(entry, folder, Failure(kind="refused", reason=reason))
        return None
    words = shlex.split(run_arguments([run], folder.results))
    command = [sys.executable, "-m", "replication", "train", *words, "--state", str(folder.state)]
    command += ["--expect", run.result_digest]
    environment = clean_environment() | dict.fromkeys(_THREADS, "1")
    folder.logs.mkdir(parents=True, exist_ok=True)
    # The training inherits the lock, so that it is known to live even where its worker was killed.
    place = folder.running(entry)
    with lock(place, f"{place}: {entry.name} is being trained by another process; `queue stop` ends it") as file:
        file.truncate(0)
        with folder.log(entry).open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=folder.clone,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[file.fileno()],
            )
        file.write(str(process.pid))
    print(f"{entry.id} {entry.name}: started, process {process.pid}", flush=True)
    return _Training(entry, process)


def _ended(training: _Training, folder: QueueFolder, stop: Sequence[int]) -> bool:
    """Return whether a training has ended; where it failed, write down why.

    Raises:
        ReplicationError: it failed for want of something in the environment; it goes on from its checkpoint.
    """
    code = training.process.poll()
    if code is None:
        return False
    entry = training.entry
    folder.running(entry).unlink(missing_ok=True)
    print(f"{entry.id} {entry.name}: ended with exit code {code}", flush=True)
    if not folder.is_finished(entry) and not (stop and code in (INTERRUPTED_EXIT_CODE, -signal.SIGTERM)):
        if code > 0:
            ask_environment(folder)  # what is missing for this run is missing for the next one too
        _fail(entry, folder, Failure(kind="failed", reason=_reason(entry, code, folder)))
    return True


def _fail(entry: Entry, folder: QueueFolder, failure: Failure) -> None:
    print(f"{entry.id} {entry.name}: {failure.kind}: {failure.reason}", flush=True)
    write_atomically(folder.failure(entry), readable_json(failure.model_dump()))


def _reason(entry: Entry, code: int, folder: QueueFolder) -> str:
    if code < 0:
        memory = ", for want of memory perhaps" if code == -signal.SIGKILL else ""
        return f"ended by signal {-code}{memory}; the next start goes on from its checkpoint"
    if code == INTERRUPTED_EXIT_CODE:
        return "stopped by a signal that did not come from the queue; the next start goes on from its checkpoint"
    return last_line(folder.log(entry).read_bytes()) or f"exit code {code}, nothing in {folder.log(entry)}"


def last_line(text: bytes) -> str:
    """Find the last line of a log that is not empty; a progress bar overwrites its line by carriage returns."""
    lines = [" ".join(line.split()) for line in text.decode(errors="replace").replace("\r", "\n").split("\n")]
    return next((line for line in reversed(lines) if line), "")
