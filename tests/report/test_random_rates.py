"""The table of the random agent's rates, against numbers worked by hand."""

from __future__ import annotations

from pathlib import Path

from replication.analysis.finished import load_runs
from replication.report.tables.random_rates import build
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
    """Montezuma's Revenge: DQN, random play and so the normalised score are 0."""
    groups = [{"variants": ["random_10hz", "random_60hz"], "games": ["montezuma_revenge"], "budget_frames": None}]
    experiment = made_up_experiment(groups, published={"source": "nature_2015_table2", "algorithm": "random"})
    for run in experiment.runs():
        write_finished(run, tmp_path, [0.0] * 30)
    table = build(experiment, load_runs(experiment, tmp_path))
    (row,) = table.printed().to_dict("records")
    assert (row["normalized %, 10 Hz"], row["normalized %, 60 Hz"]) == ("0.0", "0.0")
    assert (row["change %"], row["above 5 %"]) == ("of zero", "no")
    assert "Above 5 %: 0 of 1 games (none)" in table.caption
