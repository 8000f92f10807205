"""What Snakemake says: all of it goes to a log, and what a person needs of it to the terminal, in few words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from replication.foundation.errors import ReplicationError
from replication.foundation.progress import say

_JOB = re.compile(r"^Job (\d+): (.+)$")
_TOTAL = re.compile(r"^total +(\d+)$")
_DONE = re.compile(r"^(\d+) of (\d+) steps \(\d+%\) done$")
_FAILED = re.compile(r"^Error in rule (\S+):$")
_JOB_ID = re.compile(r"^ +jobid: (\d+)$")
_LOG = re.compile(r"^ +log: (.+) \(check log file")
_NO_JOB = re.compile(r"^(error: .+|\w*(?:Error|Exception)\b.*)$")


@dataclass
class Failure:
    """A job that failed.

    Attributes:
        job: what it was to do; at first the name of its rule.
        log: the file that it wrote to; None where its rule has none.
    """

    job: str
    log: str | None = None


@dataclass
class Heard:
    """What was heard of Snakemake so far.

    Attributes:
        failures: jobs that failed, in the order in which Snakemake says so.
        trouble: the last line about what went wrong outside a job; empty where there is none.
    """

    failures: list[Failure] = field(default_factory=list)
    trouble: str = ""
    _jobs: dict[str, str] = field(default_factory=dict)
    _done: int = 0
    _total: int = 0

    def hear(self, line: str) -> str | None:
        """Take note of a line.

        Returns: what to tell the person at the terminal; None: nothing.
        """
        if found := _JOB.match(line):
            self._jobs[found[1]] = found[2]
            return f"[{self._done} of {self._total} done] {found[2]}" if self._total else found[2]
        if found := _DONE.match(line):
            self._done, self._total = int(found[1]), int(found[2])
        elif found := _TOTAL.match(line):
            self._total = int(found[1])
        elif found := _FAILED.match(line):
            self.failures.append(Failure(found[1]))
        elif self.failures and self.failures[-1].log is None and (found := _JOB_ID.match(line)):
            self.failures[-1].job = self._jobs.get(found[1], self.failures[-1].job)
        elif self.failures and self.failures[-1].log is None and (found := _LOG.match(line)):
            self.failures[-1].log = found[1]
        elif _NO_JOB.match(line):
            self.trouble = line.removeprefix("error: ")
        return None


def listen(stream: IO[str], log: IO[str], heard: Heard) -> None:
    """Write every line of a stream to the log, tell the person at the terminal what matters of it, and close it."""
    with stream:
        for line in stream:
            with suppress(OSError, ValueError):  # a full disk, or a log that was closed: the runs go on
                log.write(line)
                log.flush()
            told = heard.hear(line.rstrip("\n"))
            if told is not None:
                say(told)


def failure_lines(heard: Heard, log: Path, folder: Path) -> Iterable[str]:
    """Say what failed, a line a job: what it was to do, its own last words, and its log.

    Args:
        heard: of Snakemake.
        log: where all its words are.
        folder: that names of jobs' logs are relative to.
    """
    for failure in heard.failures:
        path = folder / failure.log if failure.log else None
        words = _last_words(path) or "it left no message"
        yield f"error: {failure.job}: {words}; its log: {path or log}"
    if not heard.failures:
        yield f"error: {heard.trouble or 'Snakemake ended before all was made'}; its log: {log}"


def _last_words(path: Path | None) -> str:
    """Return the message of a job's error, or the last line that it wrote; empty where it wrote none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace") if path else ""
    except OSError:
        return ""
    lines = [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (errors or lines or [""])[-1]


def open_log(path: Path) -> IO[str]:
    """Open the log of Snakemake anew.

    Raises:
        ReplicationError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise ReplicationError(
            f"{path}: cannot be written ({error.strerror}); give --results a folder that can"
        ) from None
