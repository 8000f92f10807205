"""What the bundled tables cost: core-hours, device-hours, energy, and the price of a verdict.

`python -m replication.commands.benchmark.costs FOLDER` reads device_measured.csv and cost_assumptions.csv there, and
writes costs.csv, .md and .tex beside them. Time on cores is that of plans at assumed speeds, from the start of every
run. On a device the time of a step is a line through two measured cohorts, those of the agents with the least and the
most arithmetic a step:

    seconds = a + b multiply-adds

The price of a verdict is the time of one seed times the seeds that `power` asks for until a true replicate is found to
be one.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from textwrap import fill
from typing import Any, NamedTuple

import pandas as pd

from replication.analysis.cost import assumed_seconds
from replication.analysis.finished import FinishedRuns
from replication.analysis.judged_cells import judged_table
from replication.commands.benchmark.device_model import MEASURED
from replication.commands.benchmark.our_lanes import UNREACHED
from replication.report.tables import power
from replication.report.tables.columns import PrintedColumn, number, text
from replication.report.tables.table import Table, write_table
from replication.specification.assumed_speed import (
    REFERENCE_ACTIONS,
    longest_final_frames,
    longest_periodic_steps,
)
from replication.specification.experiments import Experiment, known_experiments, load_experiment
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.loading import load_protocol, load_variant
from replication.specification.run import Run, resolve_run

ASSUMPTIONS = "cost_assumptions.csv"
COLUMNS = (
    *("experiment", "runs", "core_hours", "core_kwh", "device_hours", "device_kwh", "verdicts", "verdicts_reachable"),
    *("seeds", "core_hours_a_seed", "verdict_core_hours", "verdict_core_hours_low", "verdict_core_hours_high"),
    "verdict_kwh",
)
HOUR = 3_600.0


class DeviceLaw(NamedTuple):
    """The seconds of an agent step on a device: `a + b work`, where work is in multiply-adds."""

    a: float
    b: float

    def seconds(self, work: float) -> float:
        """Return what a step of so much arithmetic takes."""
        return self.a + self.b * work


def work_a_step(run: Run) -> tuple[float, float]:
    """Count the multiply-adds of a step of training, and of one of evaluation."""
    assert run.family.work is not None, f"{run.name}: its family counts no arithmetic"
    work = run.family.work(run.variant.module, run.settings, REFERENCE_ACTIONS)
    return work.act + work.updates_a_step * work.update, work.act


def device_law(measured: pd.DataFrame) -> DeviceLaw:
    """Return the line through the fastest cohorts of the agents with the least and the most arithmetic a step."""
    best = measured.groupby("variant")["steps_a_second"].max()
    points = sorted((work_a_step(_any_run(str(variant)))[0], 1.0 / rate) for variant, rate in best.items())
    (least, fast), (most, slow) = points[0], points[-1]
    b = (slow - fast) / (most - least)
    return DeviceLaw(fast - b * least, b)


def device_seconds(run: Run, law: DeviceLaw) -> float | None:
    """Estimate the time of a run's steps on a device that it shares with a cohort; None: it trains on cores alone."""
    if not isinstance(run.settings, OffPolicyConfig):
        return None
    training, acting = (law.seconds(work) for work in work_a_step(run))
    periodic = run.protocol.periodic_evaluation
    played = longest_final_frames(run) / run.protocol.training.frame_skip
    if periodic is not None:
        played += run.training_steps // periodic.period_steps * longest_periodic_steps(run)
    return run.training_steps * training + played * acting


def cost_row(experiment: Experiment, law: DeviceLaw, assumed: Mapping[str, float]) -> dict[str, Any]:
    """Return the costs of one experiment.

    Args:
        experiment: from the start of every run.
        law: of a device.
        assumed: by name, the values of `ASSUMPTIONS`.
    """
    runs = experiment.runs()
    core_kilowatts = assumed["watts_a_core"] / 1e3
    device_kilowatts = (assumed["watts_a_device"] + assumed["cores_a_device"] * assumed["watts_a_core"]) / 1e3
    core_hours = sum(map(assumed_seconds, runs)) / HOUR
    on_device = [seconds for run in runs if (seconds := device_seconds(run, law)) is not None]
    row: dict[str, Any] = {
        "experiment": experiment.experiment,
        "runs": sum(run.stands_for for run in runs),
        "core_hours": core_hours,
        "core_kwh": core_hours * core_kilowatts,
    }
    if len(on_device) == len(runs):
        row |= {"device_hours": sum(on_device) / HOUR, "device_kwh": sum(on_device) / HOUR * device_kilowatts}
    return row | _prices(experiment, core_kilowatts)


def _prices(experiment: Experiment, core_kilowatts: float) -> dict[str, Any]:
    """Compute the price of an experiment's verdicts, beside the published runs as they are; nothing without any."""
    if "power" not in experiment.tables:
        return {}
    finished = FinishedRuns(experiment, Path(), ())
    frame = power.build(experiment, finished).frame
    judged = [one.cell.runs for one in finished.once(judged_table).cells if one.comparison is not None]
    frame = frame.assign(hours=[sum(map(assumed_seconds, runs)) / len(runs) / HOUR for runs in judged])
    reachable = frame[frame["seeds_for_replicated"].notna()]
    found: dict[str, Any] = {"verdicts": len(frame), "verdicts_reachable": len(reachable)}
    if len(reachable):
        prices = (reachable["hours"] * reachable["seeds_for_replicated"]).tolist()
        found |= {
            "seeds": median(reachable["seeds_for_replicated"]),
            "core_hours_a_seed": median(reachable["hours"]),
            "verdict_core_hours": median(prices),
            "verdict_core_hours_low": min(prices),
            "verdict_core_hours_high": max(prices),
            "verdict_kwh": median(prices) * core_kilowatts,
        }
    return found


def _any_run(variant: str) -> Run:
    unit = load_protocol(load_variant(variant).protocol).budget_unit
    budget: dict[str, Any] = {f"budget_{unit}": UNREACHED[unit]}
    return resolve_run(variant=variant, task="pong", seed=1, **budget)


def cost_table(experiments: Sequence[Experiment], measured: pd.DataFrame, assumptions: pd.DataFrame) -> Table:
    """Build the table of costs, the cheapest experiment first."""
    assumed = dict(zip(assumptions["name"], assumptions["value"], strict=True))
    law = device_law(measured)
    rows = sorted((cost_row(each, law, assumed) for each in experiments), key=lambda row: row["core_hours"])
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    named = "; ".join(
        f"{row['name']} {row['value']:g} {row['unit']} {row['what']} ({row['source']})"
        for row in assumptions.to_dict("records")
    )
    caption = (
        f"""
        What each bundled table costs from the start of every run, on cores at the speeds that plans assume, with
        evaluations at their longest, and on a device where all its agents can train there. Experiments that share runs
        each count them. On a device a step takes {1e6 * law.a:.0f} us and {1e15 * law.b:.0f} us more for every billion
        multiply-adds: the line through two cohorts of {MEASURED}; a table needs as many lanes as they had.""",
        """
        The price of a verdict: core-hours of a seed times the seeds after which four of five true replicates are
        found to be one (`power`), in the middle of the games and agents for which so many are enough, with the least
        and the most; the others stay inconclusive with any number of seeds that was tried, or are uninformative.""",
        f"Assumed: {named}.",
    )
    text_of_caption = "\n\n".join(fill(" ".join(words.split()), 120, break_on_hyphens=False) for words in caption)
    return Table("costs", frame, text_of_caption, columns=_PRINTED)


def _hours(heading: str, data: str) -> PrintedColumn:
    return PrintedColumn(heading, (data,), _amount)


def _amount(value: float) -> str:
    """Write an amount with two digits, or with all those before the point."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


_PRINTED = (
    text("experiment"),
    number("runs", digits=0),
    _hours("core-hours", "core_hours"),
    _hours("kWh", "core_kwh"),
    _hours("device-hours", "device_hours"),
    _hours("kWh on a device", "device_kwh"),
    PrintedColumn(
        "verdicts within reach", ("verdicts_reachable", "verdicts"), lambda some, every: f"{some:.0f} of {every:.0f}"
    ),
    PrintedColumn("seeds", ("seeds",), lambda seeds: f"{seeds:g}"),
    _hours("core-hours a seed", "core_hours_a_seed"),
    _hours("core-hours a verdict", "verdict_core_hours"),
    PrintedColumn(
        "least to most",
        ("verdict_core_hours_low", "verdict_core_hours_high"),
        lambda low, high: f"{_amount(low)} to {_amount(high)}",
    ),
    _hours("kWh a verdict", "verdict_kwh"),
)


def main(folder: Path) -> None:
    """Write the table of costs beside its data."""
    experiments = [load_experiment(name) for name in known_experiments()]
    table = cost_table(experiments, pd.read_csv(folder / MEASURED), pd.read_csv(folder / ASSUMPTIONS))
    print(*write_table(table, folder), sep="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
