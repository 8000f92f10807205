"""The measured side: the program trains only while it is asked to, and waits at its standard input in between.

One JSON line in, `{"measure": NAME, "seconds": S}`; one out, `{"done": N, "processor_seconds": P, "wall_seconds": W}`.
So programs that take long to warm up can be timed in turn without being started again. The standard library alone, and
what Python 3.8 has of it: other programs bring environments of their own.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ANSWERS = "BENCHMARK_ANSWERS"
"""Environment variable with the file descriptor for answers: not stdout, where programs print what they like."""
LOOP = "loop"
"""Name of the program's own loop among what is measured; every other name is that of a part of it."""
UPDATE_PERIOD_STEPS = 4
WARM_UP_STEPS = 5_200
"""Agent steps before the first measurement: learning starts at 5,000."""
PACKAGES = (
    "torch",
    "numpy",
    "numba",
    "ale-py",
    "lz4",
    "gymnasium",
    "gym",
    "mujoco",
    "stable-baselines3",
    "pfrl",
    "jax",
)
"""What a program may rest on; it tells the versions of those that it has."""


class Pace:
    """A counter of agent steps that holds the program up between measurements and answers for it.

    Args:
        facts: told once, when the program is warm.
        parts: called at the first request for a part; by name, what does some of it and returns how many were done.
        period_steps: agent steps after which the loop repeats itself, each time with the same updates.
        warm_up_steps: agent steps before the first measurement.
        beside: what every answer holds beside the measurement.
    """

    def __init__(
        self,
        facts: Callable[[], Mapping[str, Any]],
        parts: Callable[[], Mapping[str, Callable[[], int]]],
        *,
        period_steps: int = UPDATE_PERIOD_STEPS,
        warm_up_steps: int = WARM_UP_STEPS,
        beside: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self._beside = beside
        self._period_steps = period_steps
        self._warm_up_steps = warm_up_steps
        self._facts = facts
        self._build_parts = parts
        self._parts: Mapping[str, Callable[[], int]] | None = None
        self._steps = 0
        self._first_step = 0
        self._watch: Watch | None = None
        self._measured_seconds = 0.0
        self._answers = os.fdopen(int(os.environ[ANSWERS]), "w")

    def step(self, steps: int = 1) -> None:
        """Count agent steps. Return when the program is to go on; end it when nobody asks any more."""
        self._steps += steps
        if self._steps % self._period_steps:  # whole periods, each with its updates
            return
        if self._watch is None:
            if self._steps < self._warm_up_steps:
                return
            self._answer(dict(self._facts()))
        else:
            spent = self._watch.read()
            if spent["wall_seconds"] < self._measured_seconds:
                return
            self._answer({"done": self._steps - self._first_step, **spent, **self._beside()})
        self._wait()

    def _wait(self) -> None:
        for line in sys.stdin:
            request = json.loads(line)
            if request["measure"] == LOOP:
                self._first_step, self._measured_seconds = self._steps, request["seconds"]
                self._watch = Watch()
                return
            if self._parts is None:
                self._parts = self._build_parts()
            done, spent = timed(self._parts[request["measure"]], request["seconds"])
            self._answer({"done": done, **spent, **self._beside()})
        raise SystemExit

    def _answer(self, content: dict[str, Any]) -> None:
        self._answers.write(json.dumps(content) + "\n")
        self._answers.flush()


class Watch:
    """What the process has spent since: time of a processor, which other programs do not lengthen, and of the wall."""

    def __init__(self) -> None:
        self._processor, self._wall = time.process_time(), time.perf_counter()

    def read(self) -> dict[str, float]:
        """Return the seconds spent on each clock."""
        spent = time.process_time() - self._processor, time.perf_counter() - self._wall
        return {"processor_seconds": spent[0], "wall_seconds": spent[1]}


def timed(some: Callable[[], int], seconds: float) -> tuple[int, dict[str, float]]:
    """Call `some` again and again until the time is over; a call before that warms it up.

    Returns: how many were done and the seconds they took on each clock.
    """
    some()
    watch, done, spent = Watch(), 0, {"wall_seconds": 0.0}
    while not done or spent["wall_seconds"] < seconds:
        done += some()
        spent = watch.read()
    return done, spent


def versions() -> dict[str, str]:
    """Return the versions of the packages that this python has of `PACKAGES`."""
    found = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def peak_memory_bytes() -> int:
    """Return the most memory that this process has held at a time.

    Linux tells it of this program alone; getrusage there counts the program that started it too (getrusage(2)).
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
