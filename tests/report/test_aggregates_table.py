"""Aggregates of an experiment beside the published ones: what is compared, with what, and how often wrongly."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from replication.analysis.agent_scores import agent_scores
from replication.analysis.aggregate_counterparts import find_aggregate
from replication.analysis.aggregates import STATISTICS
from replication.analysis.finished import load_runs
from replication.analysis.intervals import Estimate, difference_interval
from replication.analysis.table_verdicts import Spreads, aggregate_error, own_spreads, stand_in_spreads
from replication.foundation.errors import ReplicationError
from replication.published.loader import published_table
from replication.published.references import normalized_score, reference_set
from replication.published.spreads import between_run_cv
from replication.report.tables.aggregates import build
from replication.specification.experiments import Experiment, load_experiment
from replication.specification.tasks.atari_games import NATURE49
from tests.support.noisy_replicas import replicate


def rows(experiment: Experiment, results: Path) -> dict[tuple[str, str], dict[str, str]]:
    frame = build(experiment, load_runs(experiment, results)).printed()
    return {(row["agent"], row["statistic"]): row for row in frame.to_dict("records")}


@pytest.fixture(scope="module")
def c51(tmp_path_factory: pytest.TempPathFactory) -> tuple[Experiment, Path]:
    """C51, a seed a game, each at its published score but for noise."""
    experiment, results = load_experiment("c51_2017"), tmp_path_factory.mktemp("c51")
    replicate(experiment, results)
    return experiment, results


def test_published_median_and_mean_are_compared_by_the_paper_s_convention(c51: tuple[Experiment, Path]) -> None:
    found = rows(*c51)
    median, mean = found["C51", "median"], found["C51", "mean"]
    assert (median["published %"], mean["published %"]) == ("178.0", "701.0")
    assert (median["games"], median["runs a game"], median["95 % interval"]) == ("57 of 57", "1", "none")
    # By the references of the table the mean is far off; with Video Pinball's random score at 0 it is near.
    ours, conventional = (float(mean[key].replace(",", "")) for key in ("ours %", "ours, paper's convention %"))
    assert ours > 1_000 and abs(conventional - 701) < 150
    assert median["ours, paper's convention %"] == ""
    assert mean["verdict"] in {"replicated", "inconclusive"} and mean["reason"].endswith("with a stand-in spread")
    assert float(mean["margin"]) == pytest.approx(701 / 4, abs=0.06)
    assert found["C51", "interquartile mean"]["verdict"] == "no reference"
    caption = build(c51[0], load_runs(*c51)).caption
    assert "The 2 comparisons hold together at 95 %" in caption and "random score of Video Pinball as 0" in caption


def test_an_aggregate_of_some_of_the_games_is_shown_and_not_judged(tmp_path: Path) -> None:
    experiment = load_experiment("c51_2017")
    nothing = rows(experiment, tmp_path)["C51", "median"]
    assert (nothing["games"], nothing["ours %"], nothing["verdict"]) == ("0 of 57", "missing", "not run")
    replicate(experiment, tmp_path, runs=list(experiment.runs()[:2]))
    some = rows(experiment, tmp_path)["C51", "median"]
    assert (some["games"], some["verdict"]) == ("2 of 57", "inconclusive")
    assert some["reason"] == "the published aggregate is over 57 games, 2 have a finished run"


def test_what_is_not_confirmed_or_of_other_games_is_no_reference() -> None:
    references = reference_set("atari57_30min")
    iqn = load_experiment("iqn_2018")
    (agent,) = agent_scores(iqn, [], references)
    assert find_aggregate(iqn, agent, "median", references) == (
        "no median over these games is published, or none that the published scores confirm"
    )
    c51 = load_experiment("c51_2017")
    (agent,) = agent_scores(c51, [], references)
    fewer = replace(agent, cells=agent.cells[:-1])
    assert find_aggregate(c51, fewer, "median", references) == (
        "the published median is over 57 games, not exactly these 56"
    )
    shorter = replace(agent.run, budget=replace(agent.run.budget, steps=10_000_000))
    other = replace(agent, cells=(replace(agent.cells[0], runs=(shorter,), judged_at=shorter.budget), *agent.cells[1:]))
    assert "at 200 million frames, this run has 40 million" in str(find_aggregate(c51, other, "median", references))


@pytest.mark.slow
def test_dopamine_s_der_is_compared_with_its_own_aggregates_and_seeds_are_made_even(tmp_path: Path) -> None:
    whole = load_experiment("atari100k")
    assert whole.published is not None
    group = whole.groups[0].model_copy(update={"variants": ("der_dopamine",), "seeds": (1, 2, 3)})
    alone = {"groups": (group,), "published": whole.published.model_copy(update={"agents": {}})}
    experiment = Experiment.model_construct(**{**dict(whole), **alone})
    replicate(experiment, tmp_path, runs=list(experiment.runs()[:-1]))
    found = rows(experiment, tmp_path)
    title = "Data-efficient Rainbow (Dopamine)"
    assert found[title, "mean"]["published %"] == "35.0"
    # 78 runs less one: two of each game are used, and 25 are left out.
    assert found[title, "mean"]["runs a game"] == "2"
    assert (
        "26 of 26 games, 2 runs a game, 25 left out so that all games have as many"
        in build(experiment, load_runs(experiment, tmp_path)).caption
    )
    low, high = found[title, "mean"]["95 % interval"].split(" to ")
    assert float(low) < float(found[title, "mean"]["ours %"]) < float(high)
    assert found[title, "interquartile mean"]["verdict"] == "no reference"
    with pytest.raises(ReplicationError, match="found no row DER, nowhere, expected"):
        astray = experiment.published.model_copy(update={"aggregates": {"der_dopamine": "DER, nowhere"}})
        other = experiment.model_copy(update={"published": astray})
        build(other, load_runs(other, tmp_path))
    (agent,) = agent_scores(experiment, load_runs(experiment, tmp_path), reference_set("atari57_30min"))
    assert agent.left_out == 25 and agent.scores is not None and agent.scores.shape == (2, 26)


def test_a_game_without_a_curve_gets_the_usual_coefficient() -> None:
    normalized = {"pong": 100.0, "surround": -200.0, "breakout": 50.0}
    spreads = stand_in_spreads(normalized, {"pong": 0.1, "surround": None, "breakout": 0.3}, 1)
    assert spreads is not None and spreads.deviations.tolist() == pytest.approx([10.0, 40.0, 15.0])
    assert spreads.degrees == math.inf
    assert stand_in_spreads(normalized, dict.fromkeys(normalized), 1) is None
    assert own_spreads(np.array([[1.0, 2.0]])) is None
    # Welch and Satterthwaite: 2 (1 + 9)^2 / (1 + 81) of three runs a game with variances 1 and 9.
    assert Spreads(np.array([1.0, 3.0]), 3, 3).degrees == pytest.approx(200 / 82)


def test_the_error_of_a_mean_is_the_one_worked_by_hand() -> None:
    """Of two games with deviations 3 and 4 and four runs each: sqrt(9 + 16) / (2 sqrt 4) = 1.25."""
    error = aggregate_error(STATISTICS["mean"], [0.0, 100.0], Spreads(np.array([3.0, 4.0]), 4, 4), 20_000)
    assert error == pytest.approx(1.25, rel=0.02)


@pytest.mark.parametrize(("statistic", "seeds"), [("median", 1), ("median", 3), ("mean", 1), ("mean", 3)])
def test_the_interval_of_a_table_misses_the_truth_as_often_as_it_says(statistic: str, seeds: int) -> None:
    """5 % of tables of DQN's 49 scores that differ by luck alone. A verdict can be false only in these."""
    references = reference_set("nature49_5min")
    scores = published_table("nature_2015_table2").set_index("game")["dqn_mean"]
    truth = np.array([normalized_score(float(scores[game]), game, references) for game in NATURE49])
    coefficients = np.array([between_run_cv("dopamine_curves", game, "DQN") for game in NATURE49])
    stream, function, tables, missed = np.random.default_rng(7), STATISTICS[statistic], 400, 0
    for _ in range(tables):
        published = truth + coefficients * np.abs(truth) * stream.standard_normal(len(truth))
        ours = truth + coefficients * np.abs(truth) * stream.standard_normal((seeds, len(truth)))
        stood_in = Spreads(coefficients * np.abs(published), 1, None)
        spreads = own_spreads(ours) or stood_in
        sides = [
            Estimate(
                float(function(matrix)), aggregate_error(function, matrix.mean(axis=0).tolist(), s, 100), s.degrees
            )
            for matrix, s in ((ours, spreads), (published[np.newaxis], stood_in))
        ]
        _, low, high = difference_interval(*sides, 0.95)
        missed += not low <= 0.0 <= high
    # Four standard errors of a share of 5 % among 400 are 4.4 points.
    assert missed / tables == pytest.approx(0.05, abs=0.044) and missed > 0
