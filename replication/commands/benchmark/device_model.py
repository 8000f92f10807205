"""A model of many lanes on a device: their speed, added up from parts that were measured one by one.

`python -m replication.commands.benchmark.device_model FOLDER` reads device_parts.csv and device_measured.csv there, and
writes device_model.csv, .md and .tex beside them. A cycle is the four steps of every lane that one update falls on. In
a process nothing overlaps:

    cycle = ceil(lanes / workers) worker + lanes (main + device) + waits of the process

and processes that share a device wait for it and for the cores:

    cycle >= processes (lanes device + waits),    cycle >= processes lanes (worker + main) / cores
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any, NamedTuple

import pandas as pd

from replication.commands.benchmark.pacing import UPDATE_PERIOD_STEPS
from replication.commands.benchmark.table import figure
from replication.report.tables.columns import PrintedColumn, text
from replication.report.tables.table import Table, write_table

PARTS, MEASURED = "device_parts.csv", "device_measured.csv"
CORES = 16
"""Of the machines that were measured and that a cohort is planned for."""
PLANNED = ((64, 1, 16), (64, 4, 16), (128, 4, 16), (256, 4, 16))
"""Cohorts that are computed beside those measured: lanes, processes, workers."""
MODELLED_VARIANT = "dqn_dopamine"
"""The agent whose parts they are."""


@dataclass(frozen=True)
class Part:
    """What a part of a cycle takes.

    Attributes:
        what: it is, in words.
        resource: `worker`, `main` (the process that computes, on a core) or `device`.
        seconds: of a cycle of one lane, or of one process.
        of_lane: True where every lane has it.
    """

    what: str
    resource: str
    seconds: float
    of_lane: bool


class Setup(NamedTuple):
    """A cohort: lanes and workers of all processes together; no workers: lanes play in the process that computes."""

    lanes: int
    processes: int
    workers: int


class Modeled(NamedTuple):
    """The speed of all lanes in steps a second, and what limits it."""

    steps_a_second: float
    bound: str


def parts_of(frame: pd.DataFrame) -> list[Part]:
    """Return the parts that a table of measurements names; each is `times` in a cycle, measured for `lanes` at once."""
    return [
        Part(
            row["what"], row["resource"], 1e-6 * row["microseconds"] / row["lanes"] * row["times"], row["per"] == "lane"
        )
        for row in frame.to_dict("records")
    ]


def modeled(parts: Sequence[Part], setup: Setup) -> Modeled:
    """Compute the speed of a cohort."""
    lanes, workers = setup.lanes / setup.processes, setup.workers / setup.processes
    worker, main, device = (_sum(parts, resource, of_lane=True) for resource in ("worker", "main", "device"))
    waits = _sum(parts, "device", of_lane=False)
    played = math.ceil(lanes / workers) if workers else lanes
    cycles = {
        "one thing after the other": played * worker + lanes * (main + device) + waits,
        "the device": setup.processes * (lanes * device + waits),
        "the cores": setup.processes * lanes * (worker + main) / CORES,
    }
    bound = max(cycles, key=lambda name: cycles[name])
    return Modeled(setup.lanes * UPDATE_PERIOD_STEPS / cycles[bound], bound)


def without(parts: Sequence[Part], left_out: Part) -> list[Part]:
    """Return the parts but one: the model of a program in which it costs nothing."""
    return [part for part in parts if part is not left_out]


def model_rows(parts: Sequence[Part], measured: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row for each cohort, measured or planned, then one for each part that is taken away from a cohort."""
    of_variant = measured[measured["variant"] == MODELLED_VARIANT]
    found = {Setup(row["lanes"], row["processes"], row["workers"]): row for row in of_variant.to_dict("records")}
    rows = [_row(parts, setup, found.get(setup, {})) for setup in dict.fromkeys((*found, *map(Setup._make, PLANNED)))]
    whole = Setup(*PLANNED[1])
    return rows + [_row(without(parts, part), whole, {}) | {"without": part.what} for part in parts]


def device_model_table(parts: pd.DataFrame, measured: pd.DataFrame) -> Table:
    """Build the table of the model beside what was measured."""
    rows = model_rows(parts_of(parts), measured)
    names = ["lanes", "processes", "workers", "without", "modelled_steps_a_second", "bound", "measured_steps_a_second"]
    frame = pd.DataFrame(rows, columns=[*names, "measured_over_modelled"])
    shares = frame["measured_over_modelled"].dropna()
    places = "; ".join(dict.fromkeys(parts["measured"]))
    paragraphs = (
        f"""
        Steps a second of all lanes of {MODELLED_VARIANT} on a device with {CORES} cores, added up from the parts of
        {PARTS}, beside those of {MEASURED}. A cohort as it was measured takes {1 / shares.max():.1f} to
        {1 / shares.min():.1f} times as long as its parts do, so expect no more than {shares.max():.0%} of what is
        modeled where nothing was measured. Left out: launching what is not one of the parts, cores that are slower
        than those the parts were measured on, memory bandwidth that busy cores share, evaluations, checkpoints.""",
        f"""
        What would move it: the last rows are the cohort of {PLANNED[1][0]} lanes in {PLANNED[1][1]} processes without
        one part each. Parts were measured on: {places}.""",
    )
    caption = "\n\n".join(fill(" ".join(words.split()), 120, break_on_hyphens=False) for words in paragraphs)
    whole = [PrintedColumn(name, (name,), lambda value: f"{value:g}") for name in ("lanes", "processes", "workers")]
    columns = (
        *whole,
        text("without"),
        PrintedColumn("modeled, steps/s", ("modelled_steps_a_second",), figure),
        text("limited by", "bound"),
        PrintedColumn("measured, steps/s", ("measured_steps_a_second",), figure),
        PrintedColumn("measured of modeled", ("measured_over_modelled",), lambda share: f"{share:.0%}"),
    )
    return Table("device_model", frame, caption, columns=columns)


def _row(parts: Sequence[Part], setup: Setup, found: Mapping[Any, Any]) -> dict[str, Any]:
    speed = modeled(parts, setup)
    row: dict[str, Any] = setup._asdict() | {"modelled_steps_a_second": speed.steps_a_second, "bound": speed.bound}
    if found:
        measured = float(found["steps_a_second"])
        row |= {"measured_steps_a_second": measured, "measured_over_modelled": measured / speed.steps_a_second}
    return row


def _sum(parts: Sequence[Part], resource: str, *, of_lane: bool) -> float:
    return sum(part.seconds for part in parts if part.resource == resource and part.of_lane is of_lane)


def main(folder: Path) -> None:
    """Write the table of the model beside its data."""
    table = device_model_table(pd.read_csv(folder / PARTS), pd.read_csv(folder / MEASURED))
    print(*write_table(table, folder), sep="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
