"""Verdicts of committed tables: where play that learned nothing is put in our place, no row is replicated."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest

from replication.analysis.finished import load_runs
from replication.analysis.judged_cells import judged_table
from replication.analysis.verdict_rule import Runs, judge
from replication.foundation.paths import WORKFLOW
from replication.specification.experiments import load_experiment

RESULTS = WORKFLOW.parent / "results"
TABLES = sorted(path.relative_to(RESULTS).as_posix() for path in RESULTS.glob("*/tables/*.csv"))
JUDGED = [path.split("/")[0] for path in TABLES if path.endswith("/scores.csv")]


def rows_of(path: str) -> list[dict[str, str]]:
    return list(csv.DictReader((RESULTS / path).read_text(encoding="utf-8").splitlines()))


def random_play(experiment: str) -> list[bool]:
    """Walk the trained rows of an experiment with random play, of one seed and of three that scatter, in our place."""
    asked = load_experiment(experiment)
    table = judged_table(asked, load_runs(asked, RESULTS))
    return [
        judge(replace(one.comparison, ours=ours), table.family).word == "replicated"
        for one in table.cells
        if one.comparison is not None and one.comparison.has_spread
        for ours in (Runs(0.0, 1, None), Runs(0.0, 3, 0.0), Runs(0.0, 3, one.comparison.published.mean**2))
    ]


@pytest.mark.parametrize("experiment", JUDGED)
def test_random_play_in_our_place_is_nowhere_replicated(experiment: str) -> None:
    assert not any(random_play(experiment))


@pytest.mark.parametrize("path", TABLES)
def test_no_row_says_more_than_its_floor_allows(path: str) -> None:
    """A word of agreement stands on trained agents with a floor, or is no more than `consistent`."""
    for row in rows_of(path):
        if "statement" in row or "nearest_rival" in row:
            continue  # judged beside an exact value or by the opposite, not beside published runs
        if row.get("verdict") == "replicated":
            assert row["floor"] and float(row["share_low"]) > 0.7 and float(row["share_high"]) < 1.3
            assert "random play" not in row["not_ruled_out"] + row["would_have_passed"]
        if row.get("verdict") == "consistent" and "untrained" in row.get("would_have_passed", ""):
            raise AssertionError(f"{path}: untrained networks would be consistent: {row}")


def test_the_60_hz_agent_is_not_what_the_10_hz_agent_is() -> None:
    rows = rows_of("nature_random/tables/scores.csv")
    words = {rate: {row["verdict"] for row in rows if row["agent"].endswith(rate)} for rate in ("10 Hz", "60 Hz")}
    assert words["10 Hz"] == {"consistent"} and words["60 Hz"] == {"no reference"}
    told_apart = [row["game"] for row in rows if row["verdict"] == "consistent" and not row["would_have_passed"]]
    assert len(told_apart) >= 10
    caption = (RESULTS / "nature_random" / "tables" / "scores.md").read_text(encoding="utf-8")
    assert "Random agent, 10 Hz consistent (S = " in caption and "Random agent, 60 Hz differs (S = " in caption
