"""The time left knows that steps before learning are fast, and that evaluations take time."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from replication.foundation.durations import clock_text
from replication.foundation.errors import ReplicationError
from replication.specification.assumed_speed import REFERENCE_PLAYING, assumed_speed
from replication.specification.run import Run, resolve_run
from replication.training.deadline import Deadline
from replication.training.machine.settings import Machine
from replication.training.time_left import TimeLeft


@dataclass
class Lane:
    run: Run
    step: int = 0
    failure: str | None = None

    @property
    def progress(self) -> int:
        return 4 * self.step

    @property
    def progress_end(self) -> int:
        return self.run.training_frames


def lanes(number: int = 1, variant: str = "dqn") -> list[Lane]:
    """A million steps each, learning from 50,000 on, with evaluations of 125,000 steps, and a final one of 135,000."""
    return [Lane(resolve_run(variant=variant, task="pong", seed=1, budget_frames=4_000_000)) for _ in range(number)]


def advance(left: TimeLeft, some: list[Lane], steps: int, seconds: float) -> None:
    """Take so many steps in two turns."""
    for part in (1, steps - 1):
        for lane in some:
            lane.step += part
        left.note_turn(seconds * part / steps, evaluated=0)


def test_before_learning_the_speed_of_learning_is_that_of_the_plan() -> None:
    some = lanes()
    left = TimeLeft(some, "cpu")
    advance(left, some, 10_000, seconds=5.0)  # 2,000 steps a second
    speed = assumed_speed(some[0].run)
    assert speed is not None
    played = 4 * 125_000 + 135_000
    assert left.seconds() == pytest.approx(40_000 / 2_000 + 950_000 / speed.training + played / speed.playing)
    assert left.seconds() > 7_000  # 500 seconds at the speed so far


def test_what_was_seen_of_learning_and_of_evaluations_takes_the_place_of_the_plan() -> None:
    some = lanes()
    left = TimeLeft(some, "cpu")
    advance(left, some, 50_000, seconds=25.0)
    advance(left, some, 200_000, seconds=2_000.0)  # 100 steps a second
    left.note_turn(250.0, evaluated=1)  # the one at step 250,000: 500 steps a second
    assert left.seconds() == pytest.approx(750_000 / 100 + (3 * 125_000 + 135_000) / 500)
    assert left.text() == "2:22:00 left"


def test_four_lanes_take_four_times_as_long() -> None:
    one, four = lanes(), lanes(4)
    assert TimeLeft(four, "cpu").seconds() == pytest.approx(4 * (TimeLeft(one, "cpu").seconds() or 0))
    left = TimeLeft(four, "cpu")
    advance(left, four, 50_000, seconds=100.0)
    advance(left, four, 100_000, seconds=4_000.0)  # 25 a second each
    assert left.seconds() == pytest.approx(
        4 * 850_000 / 100 + 4 * (4 * 125_000 + 135_000) / (assumed_speed(one[0].run) or (0, 0))[1]
    )
    four[3].failure = "a loss is no number"
    assert left.seconds() == pytest.approx(
        3 * 850_000 / 100 + 3 * (4 * 125_000 + 135_000) / (assumed_speed(one[0].run) or (0, 0))[1]
    )


def test_on_a_device_of_unknown_speed_nothing_is_claimed_until_it_was_seen() -> None:
    some = lanes()
    left = TimeLeft(some, "cuda:0")
    advance(left, some, 50_000, seconds=5.0)
    assert left.seconds() is None and left.text() == "? left"
    advance(left, some, 200_000, seconds=200.0)
    left.note_turn(25.0, evaluated=1)
    assert left.seconds() == pytest.approx(750 + (3 * 125_000 + 135_000) / 5_000)


def test_a_deadline_refuses_once_learning_was_seen_and_then_counts_only_what_was_seen() -> None:
    some, now = lanes(), time.monotonic()
    left = TimeLeft(some, "cuda:0")
    machine = Machine(Path(), Path(), "cuda:0", "lz4", 600.0, None, quiet=True, started=now - 60.0)
    short, enough = (Deadline(replace(machine, deadline_seconds=seconds)) for seconds in (985.0, 1_000.0))
    advance(left, some, 50_000, seconds=50.0)
    short.check(left)  # how fast it learns is not known yet
    advance(left, some, 20_000, seconds=20.0)  # 930 s are left at this speed, and what evaluations will take
    assert left.least_seconds() == pytest.approx(930.0)
    enough.check(left)
    Deadline(machine).check(left)
    with pytest.raises(
        ReplicationError, match=r"^--deadline 985: found 930 s .* at most 92[45]; .* --deadline 99[12] or"
    ):
        short.check(left)


def test_a_continued_run_counts_from_where_it_stands() -> None:
    some = lanes()
    some[0].step = 990_000
    left = TimeLeft(some, "cpu")
    advance(left, some, 5_000, seconds=50.0)
    assert left.seconds() == pytest.approx(50 + (125_000 + 135_000) / REFERENCE_PLAYING, rel=0.01)


def test_the_speed_is_that_of_late() -> None:
    some = lanes()
    some[0].step = 60_000
    left = TimeLeft(some, "cuda")
    advance(left, some, 100_000, seconds=1_000.0)
    for _ in range(20):
        advance(left, some, 10_000, seconds=200.0)
    left.note_turn(0.0, evaluated=1)
    assert left.seconds() == pytest.approx(640_000 / 50, rel=0.01)


def test_the_first_turn_of_a_phase_compiles_and_tells_nothing() -> None:
    some = lanes()
    left = TimeLeft(some, "cpu")
    advance(left, some, 50_000, seconds=25.0)
    before = left.seconds()
    some[0].step += 1
    left.note_turn(20.0, evaluated=0)
    assert left.seconds() == pytest.approx(before, abs=0.1)


def test_a_time_is_written_as_clocks_do() -> None:
    assert [clock_text(seconds) for seconds in (9.4, 75, 3_600, 36_061)] == ["00:09", "01:15", "1:00:00", "10:01:01"]
