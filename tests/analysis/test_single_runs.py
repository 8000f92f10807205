"""Where one published run lies among ours: quantiles, counts, words; from bundles and from training episodes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from replication.analysis.finished import FinishedRun, FinishedRuns
from replication.analysis.single_runs import (
    BEST,
    MEAN,
    SOLVED,
    Place,
    curve_of_seeds,
    kept,
    placed_cells,
    quantile,
)
from replication.analysis.verdict_rule import no_reference
from replication.published.loader import published_table
from replication.published.single_runs import single_run
from replication.report.figures import single_run_band
from replication.report.tables import single_run_places
from replication.specification.experiments import Experiment, load_experiment
from replication.specification.tasks.registry import find_task

EXPERIMENT = "course_evolution"


def finished_seeds(experiment: Experiment, variant: str, rows: list[dict[str, object]]) -> list[FinishedRun]:
    runs = [run for run in experiment.runs() if run.variant.variant == variant]
    return [
        FinishedRun(run, Path("none"), {}, None, None, None, None, None, None, {"seed": run.seed} | row)
        for run, row in zip(runs, rows, strict=False)
    ]


def climbing(solved: list[float], at_100: list[float]) -> FinishedRuns:
    experiment = load_experiment(EXPERIMENT)
    rows = [
        {"score": 200.0, "solved_at": each, "mean_at_25": mean / 2, "mean_at_100": mean}
        for each, mean in zip(solved, at_100, strict=True)
    ]
    return FinishedRuns(experiment, Path("none"), tuple(finished_seeds(experiment, "hill_climbing", rows)))


def test_quantiles_are_numpys_and_what_lies_beside_infinity_is_infinite() -> None:
    values = sorted(np.random.default_rng(1).standard_normal(20).tolist())
    for part in (0.0, 0.25, 0.5, 0.75, 1.0):
        assert quantile(values, part) == pytest.approx(float(np.quantile(values, part)))
    assert quantile([1.0, 2.0, math.inf], 0.5) == 2.0
    assert quantile([1.0, 2.0, math.inf], 0.75) == quantile([math.inf, math.inf], 0.5) == math.inf
    assert quantile([5.0], 0.25) == 5.0


@pytest.mark.parametrize(
    ("published", "words", "below", "above"),
    [
        (116.0, "in the middle half of ours", 1, 3),
        (90.0, "below all of ours", 0, 4),
        (105.0, "in the lowest quarter of ours", 1, 3),
        (500.0, "in the middle half of ours", 3, 1),
    ],
)
def test_the_place_of_a_run_among_ours(published: float, words: str, below: int, above: int) -> None:
    place = Place(SOLVED, None, (100.0, 120.0, 300.0, math.inf), published)
    assert (place.words, place.below, place.above, place.unreached) == (words, below, above, 1)
    assert place.quartiles == (115.0, 210.0, math.inf)


def test_a_run_above_all_is_said_to_be_and_without_a_run_nothing_is() -> None:
    assert Place(MEAN, 100, (1.0, 2.0, 3.0), 2.9).words == "in the highest quarter of ours"
    assert Place(MEAN, 100, (1.0, 2.0, 3.0), 9.0).words == "above all of ours"
    assert Place(MEAN, 100, (1.0, 2.0), None).words == Place(MEAN, 100, (), 1.0).words == ""


def test_what_was_published_is_found_by_source_task_and_agent() -> None:
    numbers = single_run("udacity_course", "cart_pole", "hill climbing")
    assert [(each.quantity, each.episode, each.value) for each in numbers] == [
        (MEAN, 100, 175.24),
        (SOLVED, None, 113.0),
    ]
    assert single_run("udacity_course", "cart_pole", "nobody") == ()
    for row in published_table("udacity_course").to_dict("records"):
        find_task(row["task"])


def test_the_table_says_where_the_run_lies_and_that_nothing_is_judged_by_it() -> None:
    finished = climbing([113.0, 101.0, math.nan, 400.0], [20.0, 180.0, 30.0, 100.0])
    rows = single_run_places.build(finished.experiment, finished).frame.to_dict("records")
    ours = [row for row in rows if row["agent"] == "Hill climbing (a course's notebook)"]
    at_100, solved = ours
    assert (at_100["published"], at_100["median"], at_100["below"], at_100["above"]) == (175.24, 65.0, 3, 1)
    assert (solved["published"], solved["unsolved"], solved["greatest"]) == (113.0, 1, math.inf)
    assert solved["where"] == "in the middle half of ours"
    assert {row["verdict"] for row in ours} == {no_reference("").word} and "one published run" in solved["reason"]
    assert (solved["seeds_finished"], solved["seeds_planned"]) == (4, 20)
    # Agents without a published run show what ours came to; those without a finished run, that none is.
    alone = [row for row in rows if "keeps_best" in row["agent"]]
    assert [row["quantity"].split()[0] for row in alone] == ["highest", "episode"]
    assert {row["verdict"] for row in rows if row["agent"].startswith("CEM (")} == {"not run"}
    printed = single_run_places.build(finished.experiment, finished).printed()
    assert printed.loc[printed["unsolved"] == "1", "least to greatest"].tolist() == ["101 to never"]


def test_the_figure_draws_the_run_over_our_quartiles() -> None:
    finished = climbing([113.0, 101.0, math.nan], [20.0, 180.0, 30.0])
    result = single_run_band.build(finished.experiment, finished)
    data = result.data[result.data["agent"] == "Hill climbing (a course's notebook)"]
    ours = data[data["series"] == "ours"]
    assert ours["episode"].tolist() == [25, 100] and ours["value"].tolist() == [15.0, 30.0]
    assert ours[["low", "high", "least", "greatest"]].to_numpy()[1].tolist() == [25.0, 105.0, 20.0, 180.0]
    assert data[data["series"] == "published"][["episode", "value"]].to_numpy().tolist() == [[100, 175.24]]
    assert data[data["series"] == "ours, solved"]["episode"].tolist() == [101.0, 113.0]
    assert data[data["series"] == "published, solved"]["episode"].tolist() == [113.0]
    assert "3 of 80 runs finished" in result.caption
    none = FinishedRuns(finished.experiment, Path("none"), ())
    assert set(single_run_band.build(finished.experiment, none).data["series"]) == {"published", "published, solved"}


def test_training_episodes_give_what_a_bundle_keeps() -> None:
    (run, *_) = load_experiment(EXPERIMENT).runs()
    returns = np.linspace(-10.0, 100.0, 200)
    training = pd.DataFrame({"raw_return": returns})
    found = FinishedRun(run, Path("none"), {}, None, None, training, None, None, None)
    columns = kept(found)
    assert columns["mean_at_100"] == pytest.approx(returns[:100].mean()) and columns["mean_at_200"] > 0.0
    assert columns["solved_at"] is None


def test_a_curve_of_seeds_has_every_episode_that_is_kept() -> None:
    finished = climbing([113.0, 101.0], [20.0, 10.0])
    ((cell, found),) = [each for each in placed_cells(finished.experiment, finished) if each[0].finished]
    assert curve_of_seeds(cell) == {25: [5.0, 10.0], 100: [10.0, 20.0]}
    assert [place.quantity for place in found] == [MEAN, SOLVED]
    assert BEST == "best mean of 100"
