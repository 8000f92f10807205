"""What results/README.md says of verdicts, findings and of what is not run."""

from __future__ import annotations

from pathlib import Path

import pytest

from replication.foundation.durations import days_text
from replication.foundation.errors import ReplicationError
from replication.report.pages.documents import README
from replication.report.pages.readmes import readme_with_results, results_readme
from replication.report.pages.summary import left_to_run, verdicts_of
from replication.specification.experiments import load_experiment
from replication.specification.tasks.atari_games import find_game
from tests.support.finished_runs import made_up_experiment
from tests.support.synthetic import write_finished

HEADER = "game,agent,verdict\n"


def write_scores(results: Path, name: str, rows: str) -> None:
    folder = results / name / "tables"
    folder.mkdir(parents=True)
    (folder / "scores.csv").write_text(HEADER + rows)
    (folder.parent / "index.html").touch()


def test_games_are_told_apart_by_agent_and_verdict(tmp_path: Path) -> None:
    write_scores(
        tmp_path,
        "c51_2017",
        "Pong,C51,differs\nAlien,C51,replicated\nBoxing,C51,differs\nKrull,C51,not run\nPong,DQN,inconclusive\n",
    )
    found = {(each.agent, each.word): each.rows for each in verdicts_of(load_experiment("c51_2017"), tmp_path)}
    assert found == {
        ("C51", "replicated"): ("Alien",),
        ("C51", "differs"): ("Pong", "Boxing"),
        ("DQN", "inconclusive"): ("Pong",),
    }
    assert verdicts_of(load_experiment("iqn_2018"), tmp_path) == []


def test_what_is_left_counts_runs_without_a_record(tmp_path: Path) -> None:
    experiment = made_up_experiment([{"seeds": [1, 2, 3], "budget_frames": 4_000_000}])
    before = left_to_run(experiment, tmp_path)
    write_finished(experiment.runs()[0], tmp_path, [1.0])
    after = left_to_run(experiment, tmp_path)
    assert (before.runs, before.total, before.to_go) == (3, 3, {"frames": 12_000_000})
    assert (after.runs, after.total, after.to_go) == (2, 3, {"frames": 8_000_000})
    assert after.core_seconds == pytest.approx(2 / 3 * before.core_seconds) and after.core_seconds > 0


def test_time_is_said_in_the_unit_that_suits_it() -> None:
    assert [days_text(86_400 * days) for days in (0.1, 1.9, 30.0, 800.0)] == [
        "2.4 hours",
        "45.6 hours",
        "30 days",
        "2.2 years",
    ]


def test_the_readmes_name_verdicts_findings_and_costs(tmp_path: Path) -> None:
    write_scores(tmp_path, "atari100k_der", "Road Runner,Agent,differs\nKrull,Agent,not run\n")
    text = results_readme(tmp_path)
    assert "- Agent, differs (1): Road Runner." in text
    (finding, *_) = load_experiment("atari100k_der").findings
    games = ", ".join(find_game(game).title for game in finding.task_names)
    assert f"On {games}: {finding.what} Checked: {finding.checked}" in text
    assert "| `atari100k_der` | 4 of 4 | 1,600,000 frames |" in text and "| `quickstart`" not in text
    line = "| [Atari 100k: data-efficient Rainbow on four games](results/atari100k_der/index.html) | 0 of 4 runs |"
    whole = README.read_text(encoding="utf-8")
    assert f"{line} 1 differs, 1 not run |" in readme_with_results(whole, tmp_path)
    with pytest.raises(ReplicationError, match="end of results"):
        readme_with_results(whole.replace("end of results", "end"), tmp_path)


def test_what_is_left_is_said_in_the_unit_of_its_budget(tmp_path: Path) -> None:
    """Runs in steps or episodes have no frames: nothing was to go of them."""
    left = left_to_run(load_experiment("td3_2018"), tmp_path)
    assert set(left.to_go) == {"steps"} and left.to_go["steps"] > 0
    assert left.to_go_in_words == f"{left.to_go['steps']:,} steps"
    assert set(left_to_run(load_experiment("cliff_walking"), tmp_path).to_go) == {"episodes"}
