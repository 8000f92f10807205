"""The tables of what verdicts need and how often they are wrong, of real experiments without any run."""

from __future__ import annotations

from pathlib import Path

from replication.analysis.finished import load_runs
from replication.report.tables import power, verdict_errors
from replication.specification.experiments import load_experiment


def test_each_trained_agent_and_game_with_a_published_score_has_a_row(tmp_path: Path) -> None:
    experiment = load_experiment("nature_table2")
    table = power.build(experiment, load_runs(experiment, tmp_path))
    assert len(table.printed()) == 49 and set(table.printed()["agent"]) == {"DQN (released program)"}
    rows = table.printed().set_index("game")
    # Asteroids: 7.3 points, 0.9 between runs, margin 10: one seed is enough. Breakout's 206.5 against 331.8: never.
    assert rows.loc["Asteroids", ["margin", "seeds for replicated", "seeds finished"]].tolist() == [
        "10.0",
        "1",
        "0 of 1",
    ]
    assert rows.loc["Breakout", "seeds for replicated"] == "more than 100"
    conclusive = (table.printed()["seeds for replicated"] != "more than 100").sum()
    assert f"`replicated` can be reached for {conclusive} of 49 games and agents" in table.caption
    # 49 games of DQN and 49 of the random agent are compared: 1 - 0.05 / 98.
    assert "Each verdict's interval is at 99.95%" in table.caption


def test_published_runs_are_told_from_a_stood_in_spread(tmp_path: Path) -> None:
    experiment = load_experiment("atari100k")
    table = power.build(experiment, load_runs(experiment, tmp_path))
    frame = table.printed()
    sources = frame.groupby("agent")["spread from"].unique()
    assert sources["DrQ(eps)"].tolist() == ["100 published runs"]
    assert sources["DrQ"].tolist() == ["stood in for"]
    assert "the agents of Atari 100k whose single runs are published" in table.caption
    assert "Data-efficient Rainbow (Dopamine)" not in sources.index


def test_what_has_no_reference_needs_no_seeds(tmp_path: Path) -> None:
    experiment = load_experiment("munchausen_2020")
    for module in (power, verdict_errors):
        table = module.build(experiment, load_runs(experiment, tmp_path))
        assert table.printed().empty and "no trained agent of it has a published score" in table.caption


def test_the_claim_is_stated_with_what_was_found(tmp_path: Path) -> None:
    experiment = load_experiment("nature_table2")
    table = verdict_errors.build(experiment, load_runs(experiment, tmp_path))
    right = table.printed()[table.printed()["stood-in spread / true"] == "1"]
    worst = right["tables with any false verdict"].str.rstrip(" %").astype(float).max()
    assert worst <= 7.8 and f"Found: at most {worst:.1f} %" in table.caption
    wrong = table.printed()[table.printed()["stood-in spread / true"] == "0.5"]
    assert wrong["tables with any false verdict"].str.rstrip(" %").astype(float).max() > 20
