"""Locks that the kernel frees however a process ends: one writer of a file, one worker, one process a training."""

from __future__ import annotations

import errno
import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from replication.foundation.errors import ReplicationError

_POLL_SECONDS = 0.05
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


def lock(path: Path, refusal: str, wait_seconds: float = 2.0, mending: str = "allow writing there") -> IO[str]:
    """Open a file and lock it; the lock is held until every process that inherited the file has closed it.

    Args:
        path: the file, which is made where it is missing. What it holds stays.
        refusal: what is said where another process holds it.
        wait_seconds: how long to wait for that process.
        mending: what to do where the file cannot be written or locked.

    Raises:
        ReplicationError: another process holds it, or the file system cannot lock.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    except OSError as error:
        raise ReplicationError(f"{path}: cannot be written ({error.strerror}); {mending}") from None
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            if time.monotonic() >= deadline:
                file.close()
                raise ReplicationError(refusal) from None
            time.sleep(_POLL_SECONDS)
        except OSError as error:
            file.close()
            if error.errno in _NO_LOCKS:
                mending = "its file system has no locks: name a folder on another disk"
            raise ReplicationError(f"{path}: cannot be locked ({error.strerror}); {mending}") from None


@contextmanager
def held(path: Path, refusal: str, wait_seconds: float = 2.0, mending: str = "allow writing there") -> Iterator[None]:
    """Hold a lock for a while; see `lock`."""
    with lock(path, refusal, wait_seconds, mending):
        yield


def is_held(path: Path) -> bool:
    """Return whether a living process holds the lock of a file, which may be missing."""
    try:
        with path.open("r") as file:
            # Shared: two commands that look at the same time do not see each other.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except OSError as error:
        raise ReplicationError(f"{path}: cannot be locked ({error.strerror}); allow reading it") from None
