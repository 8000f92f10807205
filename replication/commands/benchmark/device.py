"""Cohorts on a device: steps a second of all lanes over lanes and processes, a profile, and the device's kernels."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from textwrap import fill
from typing import Any

import pandas as pd

from replication.commands.benchmark.child import Child
from replication.commands.benchmark.our_lanes import PROFILE, PROFILED_TICKS, WARM_UP_TICKS, Cohort, runs_of
from replication.commands.benchmark.pacing import LOOP
from replication.commands.benchmark.programs import OURS, ours
from replication.commands.benchmark.table import figure
from replication.foundation.errors import ReplicationError
from replication.foundation.progress import say
from replication.report.tables.columns import PrintedColumn, text
from replication.report.tables.table import Table

SPEED_COLUMNS = (
    *("variant", "preset", "device", "card", "lanes", "processes", "workers", "rounds", "seconds", "steps_a_second"),
    *("steps_a_second_low", "steps_a_second_high", "tick_ms", "values_share", "update_share", "computing_share"),
    *(
        "device_memory_gb",
        "load",
        "date",
        "commit",
        "processor",
        "cores",
        "memory_gb",
        "system",
        "python",
        "torch",
        "lock",
    ),
)
KERNEL_COLUMNS = ("what", "lanes", "value", "unit", *SPEED_COLUMNS[SPEED_COLUMNS.index("date") :])


@dataclass(frozen=True)
class DevicePlan:
    """What to measure on a device."""

    cohort: Cohort
    """With the workers and the profile of the whole; its lanes are those of `lanes` in turn."""
    lanes: Sequence[int]
    """Of all processes together."""
    processes: Sequence[int]
    rounds: int
    seconds: float
    state: Path


def shared_out(plan: DevicePlan) -> list[tuple[int, int]]:
    """Return the pairs of lanes and processes that are measured: those where each process has as many lanes.

    Raises:
        ReplicationError: no pair is left.
    """
    found = [(lanes, processes) for lanes in plan.lanes for processes in plan.processes if lanes % processes == 0]
    if not found:
        raise ReplicationError(
            f"--lanes {' '.join(map(str, plan.lanes))} --processes {' '.join(map(str, plan.processes))}: no number of "
            "lanes is a multiple of a number of processes; name one that is"
        )
    return found


def measure_device(plan: DevicePlan, now: Mapping[str, object]) -> list[Table]:
    """Measure cohorts over lanes and processes; where a profile is asked for, write it, and measure the kernels too.

    The profile is that of the last cohort in one process.

    Raises:
        ReplicationError: no such variant, game or device; a process that ends.
    """
    runs_of(replace(plan.cohort, lanes=1))  # what is misspelt is said before a process starts
    rows = []
    pairs = shared_out(plan)
    for lanes, processes in pairs:
        say(f"{plan.cohort.variant} on {plan.cohort.device}: lanes {lanes}, processes {processes}")
        rows.append(_speed(plan, lanes, processes, now))
    tables = [device_table(pd.DataFrame(rows, columns=list(SPEED_COLUMNS)))]
    if plan.cohort.profile is not None:
        kernels = _kernels(plan, max(lanes for lanes, _ in pairs), now)
        tables.append(kernel_table(pd.DataFrame(kernels, columns=list(KERNEL_COLUMNS))))
    return tables


def _speed(plan: DevicePlan, lanes: int, processes: int, now: Mapping[str, object]) -> dict[str, Any]:
    """Measure one cohort, in processes that begin each round together."""
    each = replace(
        plan.cohort,
        lanes=lanes // processes,
        workers=plan.cohort.workers // processes,
        profile=plan.cohort.profile if processes == 1 else None,
    )
    command = ours("our_lanes", each.command_text())
    with ExitStack() as held:
        children = [
            held.enter_context(Child(OURS, command.words, place=plan.state, mending=command.mending))
            for _ in range(processes)
        ]
        before = [child.answer() for child in children]
        facts, found = before[0], []
        for _ in range(plan.rounds):
            for child in children:  # all begin before any is waited for
                child.ask(LOOP, plan.seconds)
            after = [child.answer() for child in children]
            found.append(round_figures(each.lanes, before, after))
            before = after
        load = os.getloadavg()[0]
        if each.profile is not None:
            children[0].measured(PROFILE, 0.0)
    speeds = [one["steps_a_second"] for one in found]
    middle = {name: median(one[name] for one in found) for name in found[0]}
    settings = {name: getattr(plan.cohort, name) for name in ("variant", "preset", "device")}
    counted = {"lanes": lanes, "processes": processes, "workers": each.workers * processes, "card": facts.get("card")}
    timed = {"rounds": plan.rounds, "seconds": plan.seconds, "load": load}
    spread = {"steps_a_second_low": min(speeds), "steps_a_second_high": max(speeds)}
    return {**now, **settings, **counted, **timed, **middle, **spread}


def round_figures(
    lanes: int, before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> dict[str, float]:
    """Compute the figures of one round: speeds and memory summed over the processes, the rest their mean."""
    shares = {
        f"{part}_share": _mean([(b[part] - a[part]) / b["wall_seconds"] for a, b in zip(before, after, strict=True)])
        for part in ("values", "update")
    }
    return {
        "steps_a_second": sum(lanes * each["done"] / each["wall_seconds"] for each in after),
        "tick_ms": 1e3 * _mean([each["wall_seconds"] / each["done"] for each in after]),
        **shares,
        "computing_share": _mean([each["processor_seconds"] / each["wall_seconds"] for each in after]),
        "device_memory_gb": sum(each["device_bytes"] for each in after) / 1e9,
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _kernels(plan: DevicePlan, lanes: int, now: Mapping[str, object]) -> list[dict[str, Any]]:
    command = ours("device_kernels", plan.cohort.device, lanes)
    with Child(OURS, command.words, place=plan.state, mending=command.mending) as child:
        return [{**now, **each, "lanes": lanes} for each in child.answer()["kernels"]]


def device_table(frame: pd.DataFrame) -> Table:
    """Build the table of cohorts from its rows."""
    first = {str(name): frame[name].iloc[0] for name in frame.columns}
    card = f" ({first['card']})" if isinstance(first["card"], str) else ""
    caption = f"""
        Steps a second of all lanes of a cohort on {first["device"]}{card}, whose networks are stacked and updated in
        lockstep. {_measured(first)} Median and range of {first["rounds"]:g} rounds of {first["seconds"]:g} s after
        {WARM_UP_TICKS} ticks; learning, with a memory that holds little. A tick is a step of every lane. Of the time of
        the process that computes: in values of states, in updates with their filling, and on a processor at all; the
        rest is play, minibatches, and waiting for workers. A profile, where one was asked for, is of {PROFILED_TICKS}
        ticks."""

    def share(value: float) -> str:
        return f"{100 * value:.0f} %"

    columns = (
        text("variant"),
        *(PrintedColumn(name, (name,), lambda value: f"{value:g}") for name in ("lanes", "processes", "workers")),
        PrintedColumn("steps/s", ("steps_a_second",), figure),
        PrintedColumn(
            "least to most",
            ("steps_a_second_low", "steps_a_second_high"),
            lambda low, high: f"{figure(low)} to {figure(high)}",
        ),
        PrintedColumn("a tick, ms", ("tick_ms",), figure),
        PrintedColumn("values", ("values_share",), share),
        PrintedColumn("updates", ("update_share",), share),
        PrintedColumn("computing", ("computing_share",), share),
        PrintedColumn("device memory, GB", ("device_memory_gb",), figure),
    )
    return Table("device", frame, fill(" ".join(caption.split()), 120, break_on_hyphens=False), columns=columns)


def kernel_table(frame: pd.DataFrame) -> Table:
    """Build the table of kernels from its rows."""
    first = {str(name): frame[name].iloc[0] for name in frame.columns}
    caption = f"""
        What a device takes for the copies, convolutions and products of {first["lanes"]:g} stacked lanes, 32
        transitions each, float32. {_measured(first)}"""
    columns = (text("what"), PrintedColumn("median", ("value",), figure), text("unit"))
    return Table("device_kernels", frame, fill(" ".join(caption.split()), 120, break_on_hyphens=False), columns=columns)


def _measured(row: Mapping[str, Any]) -> str:
    return (
        f"Measured {row['date']} at commit {row['commit']} by `python -m replication benchmark --device`, on "
        f"{row['processor']}, {row['cores']} cores, Python {row['python']}, torch {row['torch']}, requirements.lock "
        f"{row['lock']}."
    )
