"""The score table: intervals, references, verdicts and what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from replication.config import WORKFLOW, validated
from replication.errors import ReplicationError
from replication.experiments import Experiment
from replication.tables import write_table
from replication.tables.scores import build
from tests.synthetic import write_finished


def _experiment(**changes: object) -> Experiment:
    group = {
        "games": ["pong", "breakout"],
        "seeds": [1],
        "budget_frames": None,
        "budget_iterations": None,
        "protocol": None,
        "preset": None,
    }
    content = {
        "experiment": "test",
        "title": "A test",
        "paper": "none",
        "question": "None?",
        "reference_set": "nature49_5min",
        "published": {"source": "nature_2015_table2", "algorithm": "dqn"},
        "runs": [
            group | {"variants": ["dqn"], "budget_frames": 200_000_000, "seeds": [1, 2, 3]} | changes,
            group | {"variants": ["random_10hz"]},
        ],
        "tables": ["scores"],
        "figures": [],
    }
    return validated(Experiment, content, WORKFLOW / "experiments" / "test.yaml")


def _rows(experiment: Experiment, results: Path) -> dict[tuple[str, str], dict[str, str]]:
    frame = build(experiment, results).frame
    return {(row["game"], row["agent"]): row for row in frame.to_dict("records")}


def test_a_full_budget_is_judged_and_a_missing_run_is_shown_as_missing(tmp_path: Path) -> None:
    experiment = _experiment()
    for run in experiment.runs():
        if run.game == "breakout" and run.variant.variant == "dqn":
            # Published 401.2; (score - 1.7) / (31.8 - 1.7) in percent: 1327.2.
            write_finished(run, tmp_path, [400.0 + run.seed, 402.0 - run.seed])
        elif run.game == "breakout":
            write_finished(run, tmp_path, [0.0, 1.0, 2.0, 3.0] * 8)
    rows = _rows(experiment, tmp_path)
    breakout = rows["Breakout", "DQN (released program)"]
    assert breakout["score"] == "401.0"
    assert breakout["seeds"] == "3 of 3"
    assert breakout["published"] == "401.2"
    assert breakout["published normalized %"] == "1,327.2"
    assert breakout["above random"] == "yes"
    assert rows["Breakout", "Random agent, 10 Hz"]["verdict"] == "replicated"
    pong = rows["Pong", "DQN (released program)"]
    assert (pong["score"], pong["seeds"], pong["verdict"]) == ("missing", "0 of 3", "not run")
    assert "4 of 8 runs finished" in build(experiment, tmp_path).caption


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"budget_frames": 400_000}, "the published score is at 200 million frames, this run has 0.4 million"),
        ({"preset": "smoke"}, "preset smoke departs from the published schedules"),
        ({"variants": ["dqn_quickstart"]}, "nothing was published for this agent"),
        ({"protocol": "noop_30min"}, "the published scores are of protocol nature, not noop_30min"),
    ],
)
def test_what_nothing_was_published_for_has_no_reference(
    tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    experiment = _experiment(**changes)
    for run in experiment.runs():
        write_finished(run, tmp_path, [10.0, 20.0])
    trained = [row for (_, agent), row in _rows(experiment, tmp_path).items() if "Random" not in agent]
    assert {row["verdict"] for row in trained} == {"no reference"}
    assert {row["reason"] for row in trained} == {reason}
    assert {row["published"] for row in trained} == {""}


def test_one_seed_has_an_interval_over_episodes_and_a_stood_in_spread(tmp_path: Path) -> None:
    experiment = _experiment(seeds=[1])
    for run in experiment.runs():
        write_finished(run, tmp_path, [19.0, 18.0, 20.0])
    pong = _rows(experiment, tmp_path)["Pong", "DQN (released program)"]
    assert pong["interval over"] == "episodes"
    assert pong["verdict"] in {"replicated", "inconclusive"}


def test_a_run_file_of_another_digest_is_refused(tmp_path: Path) -> None:
    experiment = _experiment()
    write_finished(experiment.runs()[0], tmp_path, [1.0], result_digest="f" * 64)
    with pytest.raises(ReplicationError, match="result_digest: found ffffffffffff, expected"):
        build(experiment, tmp_path)


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    experiment = _experiment()
    for run in experiment.runs():
        write_finished(run, tmp_path, [1.0, 2.0])
    written = [
        [path.read_bytes() for path in write_table(build(experiment, tmp_path), tmp_path / name)] for name in ("a", "b")
    ]
    assert written[0] == written[1]
    assert b"| game | agent |" in written[0][1]
