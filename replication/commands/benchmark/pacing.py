"""The measured side: the program trains only while it is asked to, and waits at its standard input in between.

One JSON line in, `{"measure": NAME, "seconds": S}`; one out, `{"done": N, "seconds": T}`. So programs that take long to
warm up can be timed in turn without being started again. The standard library alone, and what Python 3.8 has of it:
other programs bring environments of their own.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ANSWERS = "BENCHMARK_ANSWERS"
"""Environment variable with the file descriptor for answers: not stdout, where programs print what they like."""
LOOP = "loop"
"""Name of the program's own loop among what is measured; every other name is that of a part of it."""
UPDATE_PERIOD_STEPS = 4
WARM_UP_STEPS = 5_200
"""Agent steps before the first measurement: learning starts at 5,000."""


class Pace:
    """A counter of agent steps that holds the program up between measurements and answers for it.

    Args:
        facts: told once, when the program is warm.
        parts: called at the first request for a part; by name, what does some of it and returns how many were done.
    """

    def __init__(
        self, facts: Callable[[], Mapping[str, Any]], parts: Callable[[], Mapping[str, Callable[[], int]]]
    ) -> None:
        self._facts = facts
        self._build_parts = parts
        self._parts: Mapping[str, Callable[[], int]] | None = None
        self._steps = 0
        self._first_step = 0
        self._started_seconds: float | None = None
        self._measured_seconds = 0.0
        self._answers = os.fdopen(int(os.environ[ANSWERS]), "w")

    def step(self) -> None:
        """Count an agent step. Return when the program is to go on; end it when nobody asks any more."""
        self._steps += 1
        if self._steps % UPDATE_PERIOD_STEPS:  # whole periods, each with its one update
            return
        if self._started_seconds is None:
            if self._steps < WARM_UP_STEPS:
                return
            self._answer(dict(self._facts()))
        else:
            spent_seconds = time.perf_counter() - self._started_seconds
            if spent_seconds < self._measured_seconds:
                return
            self._answer({"done": self._steps - self._first_step, "seconds": spent_seconds})
        self._wait()

    def _wait(self) -> None:
        for line in sys.stdin:
            request = json.loads(line)
            if request["measure"] == LOOP:
                self._first_step, self._measured_seconds = self._steps, request["seconds"]
                self._started_seconds = time.perf_counter()
                return
            if self._parts is None:
                self._parts = self._build_parts()
            done, spent_seconds = timed(self._parts[request["measure"]], request["seconds"])
            self._answer({"done": done, "seconds": spent_seconds})
        raise SystemExit

    def _answer(self, content: dict[str, Any]) -> None:
        self._answers.write(json.dumps(content) + "\n")
        self._answers.flush()


def timed(some: Callable[[], int], seconds: float) -> tuple[int, float]:
    """Call `some` again and again until the time is over; a call before that warms it up.

    Returns: how many were done and the seconds they took.
    """
    some()
    started, done, spent_seconds = time.perf_counter(), 0, 0.0
    while not done or spent_seconds < seconds:
        done += some()
        spent_seconds = time.perf_counter() - started
    return done, spent_seconds


def peak_memory_bytes() -> int:
    """Return the most memory that this process has held at a time.

    Linux tells it of this program alone; getrusage there counts the program that started it too (getrusage(2)).
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
