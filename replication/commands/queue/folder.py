"""The folder of a queue and the files in it.

- queue.json: the entries in order; every command may change it, under queue.lock.
- worker.json: who works them off: process, commit, trainings at a time; worker.lock is held as long as it lives.
- running/N.lock: held by the training of entry N as long as it lives; holds its process id.
- failures/N.json: why entry N was not trained to its end.
- logs/: what each training printed (N.log), and the worker (worker.log).
- clone/: the project at one commit of main, with its environment in clone/.venv.
- state/, results/: what `train` writes.
"""

from __future__ import annotations

import json
import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from replication.commands.queue.entries import Entry, Queue
from replication.foundation.errors import ReplicationError
from replication.foundation.files import readable_json, write_atomically
from replication.foundation.locks import held
from replication.foundation.validation import Settings, SettingsT, validated


class Failure(Settings):
    """The content of failures/N.json."""

    kind: Literal["failed", "refused"]
    """refused: it was not started, because its settings at this commit are not those it was added with."""
    reason: str


class Worker(Settings):
    """The content of worker.json."""

    pid: Annotated[int, Field(ge=1)]
    commit: str
    jobs: Annotated[int, Field(ge=1)]
    """Trainings at a time."""


@dataclass(frozen=True)
class QueueFolder:
    """The files of a queue."""

    root: Path

    @property
    def queue(self) -> Path:
        return self.root / "queue.json"

    @property
    def worker(self) -> Path:
        return self.root / "worker.json"

    @property
    def worker_lock(self) -> Path:
        return self.root / "worker.lock"

    @property
    def clone(self) -> Path:
        return self.root / "clone"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def results(self) -> Path:
        return self.root / "results"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def failures(self) -> Path:
        return self.root / "failures"

    def log(self, entry: Entry) -> Path:
        """Return the path of what the training of an entry printed."""
        return self.logs / f"{entry.id}.log"

    def running(self, entry: Entry) -> Path:
        """Return the path of the lock that the training of an entry holds."""
        return self.root / "running" / f"{entry.id}.lock"

    def failure(self, entry: Entry) -> Path:
        """Return the path of the file that says why an entry was not trained to its end."""
        return self.failures / f"{entry.id}.json"

    def is_finished(self, entry: Entry) -> bool:
        """Return whether the record of an entry's run is written, which is done last."""
        return (self.results / "runs" / entry.place / "run.json").exists()

    def read(self) -> Queue:
        """Read queue.json; a missing one is an empty queue.

        Raises:
            ReplicationError: it cannot be read, or is not a queue.
        """
        return read_json(self.queue, Queue) or Queue()

    def write(self, queue: Queue) -> None:
        """Replace queue.json; the caller holds `editing`.

        Raises:
            ReplicationError: it cannot be written.
        """
        write_atomically(self.queue, readable_json(queue.model_dump()))

    def editing(self) -> AbstractContextManager[None]:
        """Hold the lock under which queue.json is changed."""
        refusal = f"{self.root}: another command is changing the queue; give this one again"
        return held(self.root / "queue.lock", refusal, wait_seconds=30.0)


def read_json(path: Path, model: type[SettingsT]) -> SettingsT | None:
    """Read one of the queue's small files; None where it is missing.

    Raises:
        ReplicationError: it cannot be read, or holds something else.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ReplicationError(f"{path}: cannot be read ({error.strerror}); allow reading it") from None
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ReplicationError(f"{path}: not readable as JSON ({reason}); mend it, or move it away") from None
    return validated(model, content, path)


def queue_folder(given: Path | None) -> QueueFolder:
    """Choose the folder of the queue: the one given, else $REPLICATION_QUEUE, else one in the user's state folder.

    Raises:
        ReplicationError: it lies in a work tree of this project, where edits would reach running trainings.
    """
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    named = given or os.environ.get("REPLICATION_QUEUE") or Path(home) / "replication" / "queue"
    root = Path(named).expanduser().resolve()
    for folder in (root, *root.parents):
        if (folder / ".git").exists() and (folder / "replication" / "__main__.py").exists():
            raise ReplicationError(
                f"{root}: a queue must lie outside the work tree {folder}; name another folder with --folder or "
                "$REPLICATION_QUEUE"
            )
    return QueueFolder(root)
