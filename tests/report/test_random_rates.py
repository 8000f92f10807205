"""The table of the random agent's rates, against numbers worked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from replication.analysis.finished import load_runs
from replication.report.tables.random_rates import build
from replication.report.tables.table import Table
from tests.support.finished_runs import made_up_experiment
from tests.support.synthetic import write_finished


def test_a_change_is_the_normalised_scores_by_hand(tmp_path: Path) -> None:
    groups = [{"variants": ["random_10hz", "random_60hz"], "games": ["breakout", "pong"], "budget_frames": None}]
    experiment = made_up_experiment(groups, published={"source": "nature_2015_table2", "algorithm": "random"})
    scores = {("random_10hz", "breakout"): 1.8, ("random_60hz", "breakout"): 11.8, ("random_10hz", "pong"): -20.7}
    for run in experiment.runs():
        if (run.variant.variant, run.task.name) in scores:
            write_finished(run, tmp_path, [scores[run.variant.variant, run.task.name]] * 30)
    table = build(experiment, load_runs(experiment, tmp_path))
    breakout, pong = table.printed().to_dict("records")
    # DQN 401.2, human 31.8: 100 (401.2 - 1.8) / 30 = 1331.3; 100 (401.2 - 11.8) / 20 = 1947.0, 46.2 % more.
    assert breakout["normalized %, 10 Hz"] == "1,331.3" and breakout["normalized %, 60 Hz"] == "1,947.0"
    assert (breakout["change %"], breakout["above 5 %"], breakout["named by the article"]) == ("+46.2", "yes", "yes")
    assert (pong["random, 60 Hz"], pong["change %"], pong["above 5 %"]) == ("missing", "missing", "missing")
    assert pong["named by the article"] == "no"
    assert "Above 5 %: 1 of 2 games (Breakout)" in table.caption and "1 of them among these" in table.caption


def test_a_change_of_nothing_has_no_percentage(tmp_path: Path) -> None:
    """Montezuma's Revenge: DQN, random play and so the normalized score are 0."""
    groups = [{"variants": ["random_10hz", "random_60hz"], "games": ["montezuma_revenge"], "budget_frames": None}]
    experiment = made_up_experiment(groups, published={"source": "nature_2015_table2", "algorithm": "random"})
    for run in experiment.runs():
        write_finished(run, tmp_path, [0.0] * 30)
    table = build(experiment, load_runs(experiment, tmp_path))
    (row,) = table.printed().to_dict("records")
    assert (row["normalized %, 10 Hz"], row["normalized %, 60 Hz"]) == ("0.0", "0.0")
    assert (row["change %"], row["above 5 %"]) == ("of zero", "no")
    assert "Above 5 %: 0 of 1 games (none)" in table.caption


def played(tmp_path: Path, games: list[str], seeds: int, scores: dict[tuple[str, str], list[float]]) -> Table:
    """The table of both rates with the returns of a game given once for each of some seeds."""
    group = {"variants": ["random_10hz", "random_60hz"], "games": games, "budget_frames": None}
    experiment = made_up_experiment(
        [group | {"seeds": [1, 2, 3]}],
        published={"source": "nature_2015_table2", "algorithm": "random", "agents": {"random_10hz": "random"}},
    )
    for run in experiment.runs():
        returns = scores.get((run.variant.variant, run.task.name))
        if returns is not None and run.seed <= seeds:
            write_finished(run, tmp_path, returns)
    return build(experiment, load_runs(experiment, tmp_path))


BOXING = [float(each) for each in range(-15, 15)]
"""Mean -0.5, deviation 8.8; the article's random agent has 0.1 of 30 episodes."""


def test_each_rate_is_compared_with_the_article_by_game_and_over_the_table(tmp_path: Path) -> None:
    far = [each + 20.0 for each in BOXING]
    table = played(
        tmp_path,
        ["boxing", "freeway"],
        2,
        {
            ("random_10hz", "boxing"): BOXING,
            ("random_60hz", "boxing"): far,
            ("random_10hz", "freeway"): [0.0] * 30,
            ("random_60hz", "freeway"): [0.0] * 30,
        },
    )
    boxing, freeway = table.printed().to_dict("records")
    assert (boxing["verdict, 10 Hz"], boxing["verdict, 60 Hz"]) == ("consistent", "differs")
    assert (freeway["verdict, 10 Hz"], freeway["verdict, 60 Hz"], freeway["random (published)"]) == (
        "consistent",
        "consistent",
        "0.0",
    )
    row = table.frame.iloc[0]
    deviation = float(np.std(BOXING * 2, ddof=1))
    assert row["z_10hz"] == pytest.approx((-0.5 - 0.1) / (deviation * (1 / 60 + 1 / 30) ** 0.5))
    assert (row["episodes_10hz"], row["published_episodes"]) == (60, 30)
    # (t(1 - 0.025 / 2, 59) + t(0.95, 59)) sqrt(1 / 60 + 1 / 30): 2.3011 + 1.6711.
    assert row["detectable_10hz"] == pytest.approx(3.9722 * deviation * (1 / 60 + 1 / 30) ** 0.5, rel=1e-3)
    assert "At 10 Hz 0 of 2 games differ. At 60 Hz 1 of 2 games differ." in table.caption
    assert "Ours: 60 episodes a game; with fewer than 300 more tables err than is promised." in table.caption
    assert "Random agent, 10 Hz consistent (S = " in table.caption and "60 Hz differs (S = " in table.caption


def test_any_number_of_finished_seeds_is_compared(tmp_path: Path) -> None:
    one = played(tmp_path / "one", ["boxing"], 1, {("random_10hz", "boxing"): BOXING})
    assert one.frame.loc[0, "episodes_10hz"] == 30 and one.printed().loc[0, "verdict, 60 Hz"] == ""
    assert "At 10 Hz 0 of 1 games differ. Ours: 30 episodes a game" in one.caption
    none = played(tmp_path / "none", ["boxing"], 0, {})
    assert none.printed().loc[0, ["random, 10 Hz", "verdict, 10 Hz", "change %"]].tolist() == ["missing", "", "missing"]
    assert "Beside the article" not in none.caption
