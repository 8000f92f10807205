"""TD3 on tasks of Gymnasium, in turn with Stable-Baselines3's at the same settings, and the table of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from textwrap import fill

import pandas as pd

from replication.commands.benchmark.child import Child, usable_cores
from replication.commands.benchmark.loops import OURS, SB3, Key, Plan, Timing, alternate, python_at
from replication.commands.benchmark.pacing import LOOP, WARM_UP_STEPS
from replication.commands.benchmark.table import figure, machine_text
from replication.evidence.provenance import git_commit
from replication.report.tables.table import Table
from replication.specification.tasks.gymnasium_tasks import GYMNASIUM_TASKS
from replication.specification.tasks.registry import find_task

COLUMNS = ("task", "networks", "minibatch", "what", "program", "median", "low", "high", "unit", f"beside {SB3}")
_WHAT = {LOOP: ("whole loop", "steps/s"), "update": ("update", "updates/s"), "act": ("act in one state", "actions/s")}


@dataclass(frozen=True)
class Size:
    """The networks and the minibatch of a measurement."""

    hidden_units: tuple[int, ...]
    batch_size: int


SIZES = (Size((400, 300), 100), Size((256, 256), 256))
"""Those of the article, and of its authors' code."""


def continuous_table(plan: Plan, tasks: Sequence[str]) -> Table:
    """Measure TD3 on tasks, and build the table.

    Raises:
        ReplicationError: no such task; a program that cannot be run, or ends.
    """
    rows = [row for task in tasks for size in SIZES for row in _rows(task, size, _seconds(plan, task, size))]
    return Table("continuous", pd.DataFrame(rows, columns=list(COLUMNS)), _caption(plan))


def _seconds(plan: Plan, task: str, size: Size) -> dict[Key, list[float]]:
    """Measure one size of networks in turn, a value a round; all programs on the same core."""
    cores = usable_cores()
    given = [str(size.batch_size), *map(str, size.hidden_units)]
    environment = GYMNASIUM_TASKS[find_task(task).name].environment_id
    commands = {OURS: [sys.executable, "-m", "replication.commands.benchmark.our_td3", task, *given]}
    if plan.sb3 is not None:
        peer = "replication.commands.benchmark.sb3_td3"
        commands[SB3] = [python_at(plan.sb3, "--sb3"), "-m", peer, environment, *given]
    with ExitStack() as held:
        programs = {
            name: held.enter_context(
                Child(
                    name,
                    command,
                    place=plan.state,
                    core=cores[0] if cores else None,
                    mending="its python needs gymnasium[mujoco]",
                )
            )
            for name, command in commands.items()
        }
        for child in programs.values():
            child.answer()  # it is warm
        timings = [_timing(child, name, what, plan.seconds) for what in _WHAT for name, child in programs.items()]
        return alternate(timings, plan.rounds, lambda timing: None)


def _timing(child: Child, name: str, what: str, seconds: float) -> Timing:
    return Timing(Key(name, what), seconds, lambda: child.each_seconds(what, seconds))


def _rows(task: str, size: Size, seconds: dict[Key, list[float]]) -> list[dict[str, str]]:
    rows = []
    for (program, what), ours in seconds.items():
        rates = [1.0 / each for each in ours]
        beside, theirs = "", seconds.get(Key(SB3, what))
        if program == OURS and theirs is not None:
            times = [their / each for their, each in zip(theirs, ours, strict=True)]
            beside = f"{figure(median(times))} times as fast [{figure(min(times))}-{figure(max(times))}]"
        cells = (
            find_task(task).title,
            "-".join(map(str, size.hidden_units)),
            str(size.batch_size),
            _WHAT[what][0],
            program,
            *(figure(value) for value in (median(rates), min(rates), max(rates))),
            _WHAT[what][1],
            beside,
        )
        rows.append(dict(zip(COLUMNS, cells, strict=True)))
    return rows


def _caption(plan: Plan) -> str:
    text = f"""
        Measured {datetime.now(UTC):%Y-%m-%d} at commit {git_commit()} by `python -m replication benchmark --tasks`, on
        {machine_text()}. Median, least and most of {plan.rounds} rounds of {plan.seconds:g} s, in which the programs
        take turns on one core, each on one thread, after {WARM_UP_STEPS:,} steps to warm up. TD3 with an update a step,
        learning from step 5,000, Adam at 0.0003, two critics, the actor in every second update, normal noise of 0.1.
        Ours: `python -m replication train --variant td3_code`. {SB3}: its TD3, whose replay memory of a million steps
        and whose arithmetic in float32 are the same."""
    return fill(" ".join(text.split()), 120, break_on_hyphens=False)
