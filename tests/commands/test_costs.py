"""What tables cost: the line through two cohorts, and one experiment by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from replication.analysis.cost import assumed_seconds
from replication.commands.benchmark.costs import (
    ASSUMPTIONS,
    COLUMNS,
    DeviceLaw,
    cost_row,
    cost_table,
    device_law,
    device_seconds,
    work_a_step,
)
from replication.commands.benchmark.device_model import MEASURED
from replication.foundation.paths import WORKFLOW
from replication.specification.experiments import known_experiments, load_experiment
from replication.specification.run import resolve_run

FOLDER = WORKFLOW.parent / "results" / "benchmark"
ASSUMED = {"watts_a_core": 10.0, "watts_a_device": 500.0, "cores_a_device": 10.0}


def test_a_step_on_a_device_lies_on_the_line_through_the_fastest_cohorts() -> None:
    rates = [("dqn_dopamine", 1_000.0), ("dqn_dopamine", 4_000.0), ("iqn_dopamine", 500.0), ("rainbow_dopamine", 9.0)]
    law = device_law(pd.DataFrame(rates, columns=["variant", "steps_a_second"]))
    for variant, rate in (rates[1], rates[2]):
        run = resolve_run(variant=variant, task="pong", seed=1, budget_iterations=1)
        assert law.seconds(work_a_step(run)[0]) == pytest.approx(1 / rate)
        steps = device_seconds(run, law)
        assert steps is not None and steps >= run.training_steps / rate


def test_what_trains_on_cores_alone_has_no_time_on_a_device() -> None:
    run = resolve_run(variant="a2c", task="pong", seed=1, budget_frames=400_000)
    assert device_seconds(run, DeviceLaw(1e-4, 0.0)) is None


def test_an_experiment_costs_its_runs_and_a_verdict_its_seeds() -> None:
    experiment = load_experiment("td3_2018")
    row = cost_row(experiment, DeviceLaw(1e-4, 0.0), ASSUMED)
    hours = [assumed_seconds(run) / 3_600 for run in experiment.runs()]
    assert row["core_hours"] == pytest.approx(sum(hours)) and row["core_kwh"] == pytest.approx(sum(hours) / 100)
    assert "device_hours" not in row and row["verdicts"] == 3 and row["verdicts_reachable"] == 1
    assert row["verdict_core_hours"] == pytest.approx(row["seeds"] * row["core_hours_a_seed"])
    assert row["verdict_core_hours_low"] == row["verdict_core_hours_high"] == row["verdict_core_hours"]


def test_a_table_of_dqn_has_device_hours_with_the_cores_that_play() -> None:
    row = cost_row(load_experiment("dopamine_rainbow"), DeviceLaw(1e-3, 0.0), ASSUMED)
    assert row["device_hours"] > 0 and row["device_kwh"] == pytest.approx(row["device_hours"] * 0.6)


def test_every_assumption_says_what_it_is_and_where_it_comes_from() -> None:
    assumptions = pd.read_csv(FOLDER / ASSUMPTIONS)
    assert set(assumptions["name"]) == set(ASSUMED) and assumptions.notna().all().all()
    made = cost_table([load_experiment("cliff_walking")], pd.read_csv(FOLDER / MEASURED), assumptions)
    assert tuple(made.frame.columns) == COLUMNS
    words = " ".join(made.files()["md"].decode().split())
    assert all(f"{row['name']} {row['value']:g} {row['unit']}" in words for row in assumptions.to_dict("records"))


def test_the_committed_table_has_every_experiment() -> None:
    assert set(pd.read_csv(FOLDER / "costs.csv")["experiment"]) == set(known_experiments())
