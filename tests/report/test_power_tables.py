"""The tables of what verdicts need and how often they are wrong, of real experiments without any run."""

from __future__ import annotations

from pathlib import Path

import pytest

from replication.analysis.finished import load_runs
from replication.analysis.judged_cells import judged_table
from replication.analysis.simulated_verdicts import JudgedSides
from replication.report.tables import power, verdict_errors
from replication.specification.experiments import Experiment, load_experiment
from tests.support.finished_runs import made_up_experiment

DOPAMINE = {"source": "dopamine_curves", "algorithm": "Rainbow", "agents": {"rainbow_dopamine": "Rainbow"}}


def rainbow(*games: str, iterations: int = 1) -> Experiment:
    group = {
        "variants": ["rainbow_dopamine"],
        "games": list(games),
        "seeds": [1, 2],
        "budget_frames": None,
        "budget_iterations": iterations,
    }
    return made_up_experiment([group], reference_set="atari57_30min", published=DOPAMINE)


def test_seeds_needed_beside_published_curves(tmp_path: Path) -> None:
    """Krull and Amidar after one million frames: one seed replicates with 0.97 and 0.99 among one comparison."""
    experiment = rainbow("krull", "amidar", "freeway")
    table = power.build(experiment, load_runs(experiment, tmp_path))
    rows = table.printed().set_index("game")
    assert set(rows["spread from"]) == {"5 published runs"} and set(rows["seeds"]) == {"0 of 2"}
    for game in ("Krull", "Amidar"):
        assert (rows.loc[game, "seeds for replicated"], rows.loc[game, "seeds for differs, half learned"]) == ("1", "1")
        assert int(rows.loc[game, "one seed replicates"].rstrip("%")) >= 80
    # Freeway: after a million frames nobody has learned; no seeds of ours change that.
    assert rows.loc["Freeway", ["seeds for replicated", "one seed replicates"]].tolist() == ["uninformative", ""]
    assert "the error is that of 2 comparisons." in table.caption
    assert "`replicated` can be reached for 2 of 3 games and agents, with one seed for 2." in table.caption
    assert table.frame["published_learned"].notna().all()


def test_what_more_seeds_cannot_decide_says_so(tmp_path: Path) -> None:
    """One printed number of 49 games has the error of one run at two degrees: nothing is found, whatever is trained."""
    experiment = load_experiment("nature_table2")
    table = power.build(experiment, load_runs(experiment, tmp_path))
    rows = table.printed().set_index("game")
    assert len(rows) == 49 and set(rows["agent"]) == {"DQN (released program)"}
    assert rows.loc["Breakout", ["spread from", "seeds for replicated"]].tolist() == ["stood in for", "more than 100"]
    assert rows.loc["Montezuma's Revenge", "seeds for replicated"] == "unknown"
    assert "`replicated` can be reached for 0 of 49 games and agents" in table.caption
    assert "of the same game, after as many frames of training" in table.caption


def test_published_runs_are_told_from_a_stood_in_spread(tmp_path: Path) -> None:
    experiment = load_experiment("atari100k")
    table = power.build(experiment, load_runs(experiment, tmp_path))
    sources = table.printed().groupby("agent")["spread from"].unique()
    assert sources["DrQ(eps)"].tolist() == ["100 published runs"]
    assert sources["DrQ"].tolist() == ["stood in for"]
    assert "the agents of Atari 100k whose single runs are published" in table.caption
    assert "Data-efficient Rainbow (Dopamine)" not in sources.index


def test_what_has_no_reference_needs_no_seeds(tmp_path: Path) -> None:
    experiment = load_experiment("munchausen_2020")
    for module, says in ((power, "has a published score"), (verdict_errors, "has an informative published score")):
        table = module.build(experiment, load_runs(experiment, tmp_path))
        assert table.printed().empty and f"no trained agent of it {says}" in table.caption


def test_errors_are_within_the_promise_as_assumed_and_shown_where_they_are_not(tmp_path: Path) -> None:
    experiment = rainbow("krull", "amidar", "road_runner", "freeway")
    table = verdict_errors.build(experiment, load_runs(experiment, tmp_path))
    assert "score tables of its 3 informative comparisons" in table.caption
    assumed = table.frame["runs_scatter"] == verdict_errors.AS_ASSUMED
    noise = 4 * (0.05 * 0.95 / 1_000) ** 0.5
    for column in ("any_false_replicated", "any_false_differs"):
        assert table.frame.loc[assumed, column].max() <= 0.05 + noise
        # Where `replicated` would be true it cannot be false, and likewise `differs`.
        assert table.frame.loc[assumed, column].isna().sum() == 15
    worst = table.frame.loc[~assumed].groupby("runs_scatter")["any_false_replicated"].max()
    assert worst["ours twice as wide"] > 0.08 > worst["ours half as wide"]
    assert {"a long upper tail", "a long lower tail", "one run in ten never learns"} <= set(worst.index)
    for row in table.frame.to_dict("records"):
        assert row["replicated"] + row["differs"] + row["inconclusive"] + row["uninformative"] == pytest.approx(1.0)
    printed = table.printed()
    assert printed.loc[printed["true share"] == "1.00", "tables with a false replicated"].unique() == ["none possible"]


def test_several_learning_rates_of_one_agent_are_one_comparison(tmp_path: Path) -> None:
    experiment = load_experiment("nature_table3")
    found = load_runs(experiment, tmp_path).once(judged_table)
    sides = verdict_errors.judged_sides(found)
    assert isinstance(sides, JudgedSides)
    assert len(sides.spreads) == len(sides.published_runs) == found.family.comparisons
