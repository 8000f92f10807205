"""Cohorts on a device, with the same code on the CPU: what is trained, its figures and its tables. Never a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from replication.commands.benchmark.device import (
    KERNEL_COLUMNS,
    SPEED_COLUMNS,
    DevicePlan,
    device_table,
    kernel_table,
    measure_device,
    round_figures,
    shared_out,
)
from replication.commands.benchmark.device_kernels import LAYERS, measure_kernels
from replication.commands.benchmark.our_lanes import (
    LEARNING_STARTS_STEPS,
    PROFILED_TICKS,
    WARM_UP_TICKS,
    Clocked,
    Cohort,
    measured_settings,
    profiled,
    runs_of,
    told,
)
from replication.commands.cli import main
from replication.foundation.errors import ReplicationError
from replication.training.off_policy.batching import InStacks
from replication.training.off_policy.loop import train
from tests.commands.test_benchmark_table import NOW
from tests.support.lanes import build, smoke_run

COHORT = Cohort("cpu", "dqn", "smoke", ["catch", "pong"], 3, 0, None)


def plan(place: Path, **changes: Any) -> DevicePlan:
    return replace(DevicePlan(COHORT, [8, 64], [1, 4], 2, 6.0, place), **changes)


def test_lanes_are_runs_of_the_games_in_turn_that_learn_at_once() -> None:
    runs = runs_of(COHORT)
    assert [(run.task.name, run.seed) for run in runs] == [("catch", 1), ("pong", 1), ("catch", 2)]
    settings = measured_settings(runs[0])
    assert settings.replay_start.count == LEARNING_STARTS_STEPS < WARM_UP_TICKS
    assert runs_of(replace(COHORT, variant="dqn_dopamine", preset=None))[0].budget.iterations == 200


def test_lanes_are_shared_out_where_each_process_has_as_many(tmp_path: Path) -> None:
    assert shared_out(plan(tmp_path)) == [(8, 1), (8, 4), (64, 1), (64, 4)]
    assert shared_out(plan(tmp_path, lanes=[2, 8])) == [(2, 1), (8, 1), (8, 4)]
    with pytest.raises(ReplicationError, match=r"--lanes 3 --processes 2: no number of lanes is a multiple"):
        shared_out(plan(tmp_path, lanes=[3], processes=[2]))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"variant": "dqn_dopamin"}, "there is no variant 'dqn_dopamin'; did you mean 'dqn_dopamine'"),
        ({"variant": "a2c", "preset": None}, "--variant a2c: expected an agent of Atari with a replay memory"),
    ],
)
def test_what_cannot_be_trained_is_said_before_a_process_starts(
    tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ReplicationError, match=expected):
        measure_device(plan(tmp_path, cohort=replace(COHORT, **changes)), NOW)


def test_a_round_sums_the_speed_of_its_processes_and_says_where_the_time_went() -> None:
    def answer(wall: float, values: float, **more: float) -> dict[str, float]:
        given = {"done": 40, "wall_seconds": wall, "processor_seconds": wall / 2, "values": values, "update": 7.0}
        return given | {"device_bytes": 2e9} | more

    before = [{"values": 1.0, "update": 5.0}, {"values": 0.0, "update": 6.0}]
    found = round_figures(8, before, [answer(4.0, 2.0), answer(2.0, 1.0)])
    assert found == pytest.approx(
        {
            "steps_a_second": 8 * (10 + 20),
            "tick_ms": (100 + 50) / 2,
            "values_share": (0.25 + 0.5) / 2,
            "update_share": (0.5 + 0.5) / 2,
            "computing_share": 0.5,
            "device_memory_gb": 4.0,
        }
    )


def test_the_clock_counts_values_and_updates_of_the_stacks_that_train() -> None:
    trainees = [build(smoke_run(seed=seed)) for seed in (1, 2)]
    networks = Clocked(InStacks())
    turns = train(trainees, trainees[0].lane.config, networks)
    assert told(COHORT, networks) == {"values": 0.0, "update": 0.0, "device_bytes": 0}
    while not networks.seconds["update"]:
        next(turns)
    found = told(COHORT, networks)
    assert found["values"] > 0 and found["update"] > 0


@pytest.mark.slow  # the profiler takes a second to begin
def test_a_profile_is_of_a_few_ticks(tmp_path: Path) -> None:
    ticks: list[int] = []

    def turns() -> Iterator[None]:
        while True:
            ticks.append(int(torch.ones(4).sum()))
            yield

    cohort = replace(COHORT, profile=str(tmp_path / "profile.txt"))
    assert profiled(turns(), cohort) == PROFILED_TICKS == len(ticks)
    text = (tmp_path / "profile.txt").read_text()
    assert text.startswith("16 ticks of 3 lanes of dqn on cpu: ") and "aten::sum" in text


def test_kernels_are_measured_at_the_shapes_of_a_stack() -> None:
    mode = torch.get_deterministic_debug_mode()
    try:
        found = measure_kernels("cpu", 1, repeats=1)
    finally:
        torch.set_deterministic_debug_mode(mode)
    assert len(found) == 2 + 4 * len(LAYERS) + 2 and all(each.value > 0 for each in found)
    assert {each.unit for each in found} == {"GB/s", "ms"}


def test_both_tables_are_plain_numbers() -> None:
    numbers = dict.fromkeys(("lanes", "processes", "workers", "rounds", "seconds", "load"), 4.0)
    measured = dict.fromkeys(("values_share", "update_share", "computing_share"), 0.25) | {"tick_ms": 17.25}
    speeds = {name: 3_724.5 for name in SPEED_COLUMNS if name.startswith("steps_a_second")}
    row = NOW | numbers | measured | speeds | {"variant": "dqn", "device": "cuda:0", "card": "a card"}
    made = device_table(pd.DataFrame([row | {"device_memory_gb": 8.0}], columns=list(SPEED_COLUMNS)))
    text = made.files()["md"].decode()
    assert "| dqn | 4 | 4 | 4 | 3,724 | 3,724 to 3,724 | 17.2 | 25 % | 25 % | 25 % | 8.00 |" in text
    assert "on cuda:0 (a card)" in " ".join(text.split()) and b",3724.5," in made.files()["csv"]
    kernel = NOW | {"what": "copy", "lanes": 64, "value": 53.71, "unit": "GB/s"}
    text = kernel_table(pd.DataFrame([kernel], columns=list(KERNEL_COLUMNS))).files()["md"].decode()
    assert "| copy | 53.7 | GB/s |" in text and "64 stacked lanes" in " ".join(text.split())


@pytest.mark.slow
@pytest.mark.long
def test_the_whole_measurement_on_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICATION_STATE", str(tmp_path / "state"))
    words = "benchmark --device cpu --lanes 2 --processes 1 2 --workers 2 --rounds 1 --seconds 0.1 --variant dqn"
    more = ["--preset", "smoke", "--games", "catch", "--profile", str(tmp_path / "profile.txt")]
    assert main([*words.split(), *more, "--output", str(tmp_path)]) == 0
    found = pd.read_csv(tmp_path / "device.csv")
    assert found["processes"].tolist() == [1, 2] and np.all(found["steps_a_second"] > 0)
    assert len(pd.read_csv(tmp_path / "device_kernels.csv")) == 16
    assert (tmp_path / "profile.txt").read_text().startswith("16 ticks of 2 lanes")
