"""Figures of aggregates: what is drawn is what the runs give, and nothing where there is nothing."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from replication.analysis.agent_scores import agent_scores
from replication.analysis.aggregate_counterparts import AggregateCounterpart, find_aggregate, shown_beside_ours
from replication.analysis.aggregate_curves import OF_DQN_ZOO, dqn_zoo_curves
from replication.analysis.aggregates import interquartile_mean, probability_of_improvement
from replication.analysis.finished import load_runs
from replication.published.curves import dqn_zoo_curve
from replication.published.references import normalized_score, reference_set
from replication.report.figures.figure import FigureResult, write_figure
from replication.specification.experiments import Experiment, known_experiments, load_experiment
from tests.support.finished_runs import made_up_experiment
from tests.support.synthetic import write_finished

FIGURES = ("aggregate_intervals", "performance_profiles", "probability_of_improvement", "aggregate_curves")
GAMES = ["pong", "breakout", "boxing"]


def draw(name: str, experiment: Experiment, results: Path) -> FigureResult:
    module = importlib.import_module(f"replication.report.figures.{name}")
    found: FigureResult = module.build(experiment, load_runs(experiment, results))
    return found


def score(run_variant: str, game: str, seed: int) -> float:
    """Raw scores of two agents, three games and two seeds."""
    return 2.0 * GAMES.index(game) + seed + (1.5 if run_variant == "dqn" else 0.0)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Experiment, Path]:
    group = {"games": GAMES, "seeds": [1, 2], "budget_frames": 4_000_000}
    experiment = made_up_experiment([group, group | {"variants": ["double_dqn"]}])
    results = tmp_path_factory.mktemp("results")
    for run in experiment.runs():
        write_finished(run, results, [score(run.variant.variant, run.task.name, run.seed)] * 2)
    return experiment, results


def normalized(variant: str, share: float = 1.0) -> np.ndarray:
    """[seeds, games] of an agent, in percent, at a share of its score."""
    references = reference_set("nature49_5min")
    return np.array(
        [[normalized_score(share * score(variant, game, seed), game, references) for game in GAMES] for seed in (1, 2)]
    )


def test_intervals_are_drawn_around_the_aggregates(finished: tuple[Experiment, Path]) -> None:
    data = draw("aggregate_intervals", *finished).data
    row = data[(data["agent"] == "DQN (released program)") & (data["statistic"] == "interquartile mean")].iloc[0]
    assert row["value"] == pytest.approx(float(interquartile_mean(normalized("dqn"))))
    assert row["low"] <= row["value"] <= row["high"] and row["low"] < row["high"]
    assert (row["runs_a_game"], row["games"]) == (2, 3) and np.isnan(row["published"])


def test_profiles_start_high_and_never_rise(finished: tuple[Experiment, Path]) -> None:
    data = draw("performance_profiles", *finished).data
    for _, rows in data.groupby("agent"):
        assert (rows["share"].diff().dropna() <= 0).all()
        assert ((rows["low"] <= rows["share"]) & (rows["share"] <= rows["high"])).all()
    dqn = data[data["agent"] == "DQN (released program)"].iloc[0]
    assert dqn["share"] == pytest.approx(float((normalized("dqn") > 0).mean()))


def test_improvement_is_of_the_left_agent_over_the_right(finished: tuple[Experiment, Path]) -> None:
    (row,) = draw("probability_of_improvement", *finished).data.to_dict("records")
    assert (row["agent"], row["games"]) == ("DQN (released program)", 3)
    expected = float(probability_of_improvement(normalized("dqn"), normalized("double_dqn")))
    assert row["probability"] == pytest.approx(expected) and expected > 0.5


def test_curves_hold_the_aggregates_at_every_evaluation(finished: tuple[Experiment, Path]) -> None:
    """Evaluations at 1 to 4 million frames, the k-th at k quarters of the score."""
    result = draw("aggregate_curves", *finished)
    ours = result.data[result.data["agent"] == "DQN (released program)"]
    for name, aggregate in (
        ("median", lambda scores: np.median(scores.mean(axis=0))),
        ("interquartile mean", interquartile_mean),  # of all runs together
        ("mean", np.mean),
    ):
        rows = ours[ours["statistic"] == name]
        assert rows["frames"].tolist() == [1e6, 2e6, 3e6, 4e6]
        expected = [float(aggregate(normalized("dqn", k / 4))) for k in (1, 2, 3, 4)]
        assert rows["value"].tolist() == pytest.approx(expected)
        assert ((rows["low"] <= rows["value"]) & (rows["value"] <= rows["high"])).all()


def test_another_programs_curve_stands_beside_an_agent_of_the_same_games(tmp_path: Path) -> None:
    """DQN Zoo's median is over 57 games: it is drawn for Rainbow on all of them, for nothing on three."""
    result = draw("aggregate_curves", load_experiment("rainbow_2018"), tmp_path)
    zoo = result.data[result.data["statistic"] == OF_DQN_ZOO]
    assert zoo.groupby("agent")["frames"].count().to_dict() == {
        "Rainbow": 201,
        "Prioritized double DQN (proportional)": 201,
    }
    published = dqn_zoo_curve("Rainbow")
    assert zoo[zoo["agent"] == "Rainbow"]["value"].tolist() == published["median_over_seeds"].tolist()
    assert "DQN Zoo" in result.caption and "google-deepmind/dqn_zoo" in result.caption
    curves = {"curves": {"dqn": "DQN"}, "source": "mnih2015_nature", "algorithm": "DQN"}
    few = made_up_experiment([{"games": GAMES, "seeds": [1], "budget_frames": 4_000_000}], published=curves)
    assert OF_DQN_ZOO not in set(draw("aggregate_curves", few, tmp_path).data["statistic"])


def test_every_curve_that_an_experiment_names_is_drawn() -> None:
    for experiment in map(load_experiment, known_experiments()):
        named = experiment.published.curves if experiment.published else {}
        if named:
            agents = agent_scores(experiment, [], reference_set(experiment.reference_set))
            drawn = dqn_zoo_curves(experiment, agents)["agent"].unique()
            titles = [agent.title for agent in agents if agent.run.variant.variant in named]
            assert len(titles) == len(named) and drawn.tolist() == titles, experiment.experiment


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_runs_give_the_same_bytes_and_a_whole_caption(
    name: str, finished: tuple[Experiment, Path], tmp_path: Path
) -> None:
    written = [write_figure(draw(name, *finished), tmp_path / again) for again in ("a", "b")]
    assert [path.read_bytes() for path in written[0]] == [path.read_bytes() for path in written[1]]
    caption = draw(name, *finished).caption
    assert "12 of 12 runs finished" in caption and "DQN (released program): 3 of 3 games, 2 runs a game" in caption
    assert "bootstrap" in caption and "seeds" in caption


@pytest.mark.slow
@pytest.mark.parametrize(("name", "experiment"), list(zip(FIGURES, ["atari100k", "c51_2017"] * 2, strict=True)))
def test_without_runs_it_says_so(name: str, experiment: str, tmp_path: Path) -> None:
    result = draw(name, load_experiment(experiment), tmp_path)
    assert "0 of " in result.caption and "no finished run" in result.caption
    statistics = result.data.reindex(columns=["statistic"])["statistic"].astype(str)
    ours = result.data[~statistics.str.startswith("published") & (statistics != OF_DQN_ZOO)]
    assert ours.reindex(columns=["value", "share", "probability"]).isna().all(axis=None)
    write_figure(result, tmp_path)


def test_a_mean_by_another_convention_is_not_drawn_beside_ours() -> None:
    """C51's printed mean is 701 with Video Pinball's random score at 0; normalized as ours its scores give 1,767."""
    experiment, references = load_experiment("c51_2017"), reference_set("atari57_30min")
    (agent,) = agent_scores(experiment, [], references)
    shown = {}
    for name in ("median", "mean"):
        found = find_aggregate(experiment, agent, name, references)
        assert isinstance(found, AggregateCounterpart)
        shown[name] = shown_beside_ours(found, name, references)
    assert shown["median"] == 178.0 and round(shown["mean"]) == 1767


@pytest.mark.slow
@pytest.mark.long
def test_they_need_no_torch() -> None:
    modules = [f"replication.report.figures.{name}" for name in FIGURES]
    modules += [f"replication.report.tables.{name}" for name in ("aggregates", "power", "verdict_errors")]
    code = f"import sys, {', '.join(modules)}; sys.exit(bool({{'torch', 'ale_py'}} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)
