"""The benchmark's table: its rows from figures made up, what it says, and what it refuses to set side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from replication.commands.benchmark.child import Cost
from replication.commands.benchmark.conditions import SHARED, conditions, differing_packages, kept_rows
from replication.commands.benchmark.floor import FLOP
from replication.commands.benchmark.loops import Case, Plan
from replication.commands.benchmark.pacing import LOOP
from replication.commands.benchmark.programs import CLEANRL, OURS, PFRL, SB3, Command
from replication.commands.benchmark.rows import COLUMNS, measured_rows
from replication.commands.benchmark.table import benchmark_table, figure
from replication.commands.benchmark.turns import COHORT, PAIR, Key, Measured
from replication.foundation.errors import ReplicationError
from replication.foundation.paths import WORKFLOW
from replication.report.tables.table import Table

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NOW: dict[str, object] = {
    **{"date": "2026-11-28", "commit": COMMIT, "processor": "a processor", "cores": 2, "memory_gb": 25},
    **{"system": "Linux x86_64", "python": "3.11.7", "torch": "2.13.0+cpu", "lock": "00ff00ff00ff"},
}
PLAN = Plan(loops=["dqn"], games=["ms_pacman"], tasks=[], rounds=2, seconds=8.0, state=Path())


def made_up(**programs: dict[str, list[float]]) -> Measured:
    """Two rounds in which the floor of an update is 10 ms and 20 ms; the wall's clock goes twice as fast."""
    flop = {"update": FLOP["matrix_product"] // 10, "act": FLOP["matrix_product"] // 1_000}
    seconds: dict[Key, list[float]] = {
        Key(OURS, "matrix_product"): [0.1, 0.2],
        Key(OURS, "convolution"): [1.0, 1.0],
        Key(OURS, "evaluation"): [0.001, 0.001],
        Key(OURS, "checkpoint"): [0.1, 0.1],
        Key(OURS, COHORT): [0.044, 0.080],
    }
    names = {"ours": OURS, "sb3": SB3}
    for program, timed_parts in programs.items():
        seconds |= {Key(names[program], what): each for what, each in timed_parts.items()}
    facts: dict[str, dict[str, Any]] = {
        OURS: {"flop": flop, "versions": {"torch": "1", "numpy": "5"}, "replay_bytes_per_transition": 500.0}
    }
    if "sb3" in programs:
        told = {"torch": "2", "numpy": "5", "stable-baselines3": "2.9.2"}
        facts[SB3] = {"versions": told, "replay_bytes_per_transition": 50_000.0}
    costs = {key: [Cost(each, 2 * each) for each in values] for key, values in seconds.items()}
    commands = {names[program]: Command([], "") for program in programs}
    missing = [name for name in (SB3, CLEANRL, PFRL) if name not in commands]
    return Measured(Case("dqn", "Ms. Pacman", "minibatch 32", "steps/s", commands, missing), facts, costs, 1.25)


def table(*measured: Measured) -> Table:
    rows = [row for each in measured for row in measured_rows(PLAN, each, NOW)]
    return benchmark_table(pd.DataFrame(rows, columns=list(COLUMNS)))


def read(place: Path, made: Table) -> pd.DataFrame:
    (place / "table.csv").write_bytes(made.files()["csv"])
    return pd.read_csv(place / "table.csv")


def row(frame: pd.DataFrame, what: str, program: str, unit: str = "") -> pd.Series:
    found = frame[(frame["what"] == what) & (frame["program"] == program) & frame["unit"].str.contains(unit)]
    assert len(found) == 1
    return found.iloc[0]


BOTH = made_up(
    ours={"update": [0.02, 0.05], LOOP: [0.010, 0.020], PAIR: [0.005, 0.0125]},
    sb3={"update": [0.04, 0.10], LOOP: [0.015, 0.040]},
)


@pytest.mark.parametrize(
    ("value", "text"),
    [(12_345.6, "12,346"), (99.96, "100.0"), (34.56, "34.6"), (1.234, "1.23"), (0.56789, "0.568"), (0.0, "0")],
)
def test_figures_have_three_digits_or_all_before_the_point(value: float, text: str) -> None:
    assert figure(value) == text


def test_the_data_are_plain_numbers_beside_the_floor_and_the_other_program_of_the_same_round(tmp_path: Path) -> None:
    found = read(tmp_path, table(BOTH))
    assert tuple(found.columns) == COLUMNS and all(name == name.lower() for name in COLUMNS)
    numbers = ["rounds", "seconds", "median", "low", "high", "ours_beside_it", "of_floor", "load", "cores"]
    assert all(pd.api.types.is_numeric_dtype(found[name]) for name in numbers)
    update = row(found, "update, its minibatch drawn", OURS)
    assert (update["task"], update["unit"]) == ("Ms. Pacman", "ms of processor time")
    assert (update["median"], update["low"], update["high"]) == pytest.approx((35.0, 20.0, 50.0))
    assert update["of_floor"] == pytest.approx(0.45)  # 10 of 20 ms in one round, 20 of 50 in the other
    assert row(found, "update, its minibatch drawn", SB3)["ours_beside_it"] == pytest.approx(2.0)
    loop, wall = (row(found, "whole loop", OURS, clock) for clock in ("processor", "wall"))
    assert (loop["median"], loop["low"], loop["high"]) == pytest.approx((75.0, 50.0, 100.0))
    assert wall["median"] == pytest.approx(37.5) and pd.isna(wall["of_floor"])
    assert loop["of_floor"] == pytest.approx(0.259)  # a quarter of an update and 0.9 actions: 2.59 and 5.18 ms
    theirs = row(found, "whole loop", SB3, "processor")
    beside = [theirs[f"ours_beside_it{end}"] for end in ("", "_low", "_high")]
    assert beside == pytest.approx([1.75, 1.5, 2.0]) and pd.isna(loop["ours_beside_it"])
    assert row(found, "checkpoint, written and flushed to the disk", OURS)["median"] == pytest.approx(200.0)
    pair = row(found, "two runs side by side on two cores, over one alone", OURS)
    assert (pair["median"], pair["low"], pair["high"], pair["unit"]) == pytest.approx((1.8, 1.6, 2.0, "times"))
    cohort = row(found, "a step of 4 lanes in one process, over one alone", OURS)
    assert (cohort["median"], cohort["low"], cohort["high"]) == pytest.approx((4.2, 4.0, 4.4))
    assert row(found, "replay memory, a transition", SB3)["ours_beside_it"] == pytest.approx(0.01)
    assert set(found["load"]) == {1.25} and set(found["lock"]) == {"00ff00ff00ff"}
    assert (theirs["version"], loop["version"]) == ("2.9.2", COMMIT[:12])
    assert theirs["differs"] == "torch 2, not 1" and pd.isna(loop["differs"])


def test_markdown_and_latex_are_made_of_the_data_alone(tmp_path: Path) -> None:
    made = table(BOTH)
    again = benchmark_table(read(tmp_path, made))
    assert again.files() == made.files()
    text = made.files()["md"].decode()
    assert "1.75 times as fast [1.50-2.00]" in text and "0.01 of its bytes" in text and "| 26 % |" in text
    assert text.count("| not measured | not measured |") == 2  # CleanRL and PFRL
    words = " ".join(text.split())
    assert "a processor, 2 cores, 25 GB of memory" in words and "requirements.lock 00ff00ff00ff" in words
    assert "dqn 1.2" in words and "of 2 rounds" in words and "runs 8 s a round" in words
    assert "Stable-Baselines3: torch 2, numpy 5, stable-baselines3 2.9.2" in words
    assert "Ms. Pacman: a periodic evaluation of 125,000 steps takes 2.1 minutes, 4 % of the training" in words
    assert max(len(line) for line in text.split("\n| loop")[0].splitlines()) <= 120


def test_versions_that_differ_are_said() -> None:
    ours = {"torch": "2.13.0", "numpy": "2.4.6", "lz4": "4.4.5"}
    assert (
        differing_packages({"torch": "2.13.0", "numpy": "1.26.4", "gym": "0.23.1"}, ours) == "numpy 1.26.4, not 2.4.6"
    )
    assert differing_packages(ours, ours) == ""


def test_rows_of_other_loops_are_kept_where_machine_versions_and_lock_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    assert len(kept_rows(path, ["ppo"], NOW, COLUMNS)) == 0
    made = table(BOTH)
    path.write_bytes(made.files()["csv"])
    assert len(kept_rows(path, ["dqn"], NOW, COLUMNS)) == 0
    kept = kept_rows(path, ["ppo"], NOW | {"commit": "of another day", "date": "2026-12-01"}, COLUMNS)
    assert benchmark_table(kept).files() == made.files()


@pytest.mark.parametrize("column", SHARED)
def test_rows_of_another_machine_version_or_lock_are_refused_before_anything_is_measured(
    tmp_path: Path, column: str
) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(table(BOTH).files()["csv"])
    line = rf"table.csv: {column}: loop dqn was measured with .*, this is another.*; measure dqn anew"
    with pytest.raises(ReplicationError, match=line):
        kept_rows(path, ["ppo"], NOW | {column: "another"}, COLUMNS)


def test_a_table_of_other_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("loop,speed\ndqn,1\n", encoding="utf-8")
    with pytest.raises(ReplicationError, match=r"table.csv: columns commit, .* are not those of now; remove the file"):
        kept_rows(path, ["ppo"], NOW, COLUMNS)


def test_the_conditions_are_told_of_this_machine() -> None:
    now = conditions()
    assert set(now) == set(NOW) and len(str(now["lock"])) == 12 and str(now["torch"]).startswith("2.")


def test_the_committed_table_is_made_of_its_data() -> None:
    folder = WORKFLOW.parent / "results" / "benchmark"
    types = dict.fromkeys(("commit", "lock", "python", "version", "torch"), str)
    made = benchmark_table(pd.read_csv(folder / "table.csv", dtype=types)).files()
    assert {end: (folder / f"table.{end}").read_bytes() for end in ("csv", "md", "tex")} == made
