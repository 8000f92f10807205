"""The model of many lanes on a device: its sums by hand, and that what is committed is made of its parts."""

from __future__ import annotations

import pandas as pd
import pytest

from replication.commands.benchmark.device_model import (
    MEASURED,
    PARTS,
    Modeled,
    Part,
    Setup,
    device_model_table,
    modeled,
    parts_of,
    without,
)
from replication.foundation.paths import WORKFLOW

FOLDER = WORKFLOW.parent / "results" / "benchmark"
PARTS_BY_HAND = [
    Part("play", "worker", 0.008, of_lane=True),
    Part("dispatch", "main", 0.001, of_lane=True),
    Part("update", "device", 0.002, of_lane=True),
    Part("wait", "device", 0.005, of_lane=False),
]


@pytest.mark.parametrize(
    ("setup", "expected"),
    [
        # 1 turn of the workers, 8 lanes of dispatch and update, one wait: 8 + 24 + 5 ms for 32 steps
        (Setup(8, 1, 8), (32 / 0.037, "one thing after the other")),
        # the lanes play one after the other where there are no workers: 8 + 3 + 5 ms for 4 steps, in each of two
        (Setup(2, 2, 0), (8 / 0.016, "one thing after the other")),
        # 16 lanes and 8 waits: 32 + 40 ms of the device, where each process takes 8 + 6 + 5
        (Setup(16, 8, 16), (64 / 0.072, "the device")),
    ],
)
def test_a_cycle_is_added_up_from_its_parts(setup: Setup, expected: tuple[float, str]) -> None:
    found = modeled(PARTS_BY_HAND, setup)
    assert found.steps_a_second == pytest.approx(expected[0]) and found.bound == expected[1]


def test_processes_that_share_a_device_wait_for_the_cores_too() -> None:
    found = modeled(PARTS_BY_HAND[:2], Setup(64, 4, 64))  # 64 lanes of 9 ms on 16 cores
    assert found == Modeled(pytest.approx(256 / 0.036), "the cores")


def test_a_part_that_costs_nothing_moves_what_it_bounds() -> None:
    setup = Setup(16, 8, 16)
    assert modeled(without(PARTS_BY_HAND, PARTS_BY_HAND[2]), setup).steps_a_second == pytest.approx(64 / 0.040)
    assert modeled(without(PARTS_BY_HAND, PARTS_BY_HAND[1]), setup) == modeled(PARTS_BY_HAND, setup)


def test_a_part_is_what_was_measured_for_one_lane_as_often_as_a_cycle_has_it() -> None:
    row = {"what": "copy", "resource": "device", "per": "lane", "microseconds": 640.0, "lanes": 64, "times": 2}
    assert parts_of(pd.DataFrame([row])) == [Part("copy", "device", pytest.approx(20e-6), of_lane=True)]


def test_the_committed_table_is_made_of_the_committed_parts() -> None:
    parts, measured = pd.read_csv(FOLDER / PARTS), pd.read_csv(FOLDER / MEASURED)
    assert parts["measured"].notna().all() and set(parts["resource"]) == {"worker", "main", "device"}
    made = device_model_table(parts, measured)
    assert {end: (FOLDER / f"device_model.{end}").read_bytes() for end in ("csv", "md", "tex")} == made.files()
    assert made.frame["without"].notna().sum() == len(parts)
