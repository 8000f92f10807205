"""The measuring side: a measured program in a process of its own, held to one core, which answers line by line."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from replication.commands.benchmark.pacing import ANSWERS
from replication.foundation.errors import ReplicationError
from replication.foundation.paths import PACKAGE

ROOT = PACKAGE.parent
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS", "NUMBA")}
END_SECONDS = 10.0
"""Longest time that a program which is told to end may take."""


def usable_cores() -> list[int]:
    """Return the numbers of the cores this process may use; empty where the system cannot hold a process to a core."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


class Cost(NamedTuple):
    """The seconds that one takes: of a processor, and of the wall."""

    processor: float
    wall: float


class Child:
    """A program that was started and warms up. It ends with the `with` block.

    Args:
        name: for people.
        command: the python and its arguments, the first of them `-m` and a module of this package.
        place: where a folder of its own is made for it to write in, which is removed with it.
        core: the core it is held to; None: whichever the system gives it.
        paths: where its python looks for modules beside this repository.
        mending: what the user can do where it does not run.

    Raises:
        ReplicationError: there is no such python.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        place: Path,
        core: int | None = None,
        paths: Sequence[Path] = (),
        mending: str,
    ) -> None:
        self.name = name
        self._mending = mending
        self._folder = tempfile.TemporaryDirectory(prefix="benchmark_", dir=place)
        self._printed = Path(self._folder.name) / "printed.txt"
        modules = os.pathsep.join(str(path.absolute()) for path in (ROOT, *paths))
        reading, writing = os.pipe()
        self._answers = os.fdopen(reading)
        try:
            with self._printed.open("wb") as printed:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=printed,
                    stderr=subprocess.STDOUT,
                    pass_fds=(writing,),
                    cwd=self._folder.name,
                    env=os.environ | ONE_THREAD | {"PYTHONPATH": modules, ANSWERS: str(writing)},
                    text=True,
                )
        except OSError as error:
            self._release()
            raise ReplicationError(f"{name}: {command[0]} cannot be run ({error.strerror}); {mending}") from None
        finally:
            os.close(writing)
        if core is not None:
            with suppress(OSError):  # it has ended already: the first answer that is missing says why
                os.sched_setaffinity(self._process.pid, {core})

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *exception: object) -> None:
        if any(exception):  # nobody waits for what it is doing
            self._process.kill()
        with suppress(OSError):
            self._stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._release()

    def ask(self, measure: str, seconds: float) -> None:
        """Ask for a measurement; `answer` waits for it."""
        with suppress(OSError):  # it has ended: `answer` says so
            self._stdin.write(json.dumps({"measure": measure, "seconds": seconds}) + "\n")
            self._stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Wait for its next line and return it: first its facts, once it is warm; then an answer to each question.

        Raises:
            ReplicationError: it ended instead.
        """
        line = self._answers.readline()
        if line:
            content: dict[str, Any] = json.loads(line)
            return content
        code = self._process.wait()
        said = self._printed.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
        raise ReplicationError(f"{self.name}: ended with code {code} ({said[-1].strip()}); {self._mending}")

    def measured(self, measure: str, seconds: float) -> Cost:
        """Measure, and wait for the result: the cost of a step of the loop, or of a repetition of a part."""
        self.ask(measure, seconds)
        return self.answered()

    def answered(self) -> Cost:
        """Wait for a measurement that was asked for, and return the cost of one."""
        found = self.answer()
        return Cost(*(float(found[f"{clock}_seconds"]) / float(found["done"]) for clock in Cost._fields))

    @property
    def _stdin(self) -> Any:
        return self._process.stdin

    def _release(self) -> None:
        self._answers.close()
        self._folder.cleanup()
