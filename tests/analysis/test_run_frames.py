"""Scores and curves as data frames: of the committed runs, as tables and figures have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from replication.analysis.cells import run_score
from replication.analysis.finished import finished_run, load_runs
from replication.analysis.run_frames import CURVE_COLUMNS, SCORE_COLUMNS, curve_frame, finished_records, score_frame
from replication.foundation.paths import PROJECT
from replication.published.number_frame import number_frame
from replication.specification.experiments import load_experiment

RESULTS = PROJECT / "results"


def test_the_scores_are_those_that_tables_are_made_of() -> None:
    for name in ("dopamine_curves", "td3_2018", "cliff_walking"):
        frame = score_frame(finished_records(RESULTS, name))
        assert tuple(frame.columns) == SCORE_COLUMNS
        finished = load_runs(load_experiment(name), RESULTS)
        expected = {(f.run.variant.variant, f.run.task.name, f.run.seed): run_score(f, f.run.budget) for f in finished}
        found = {
            (row.variant, row.task, row.seed): row.score
            for row in frame.itertuples()
            if (row.variant, row.task, row.seed) in expected
        }
        assert found == expected and len(frame) == len(finished)


def test_curves_are_those_of_the_records_in_their_units() -> None:
    frame = curve_frame(finished_records(RESULTS, variant="td3_2018", task="half_cheetah"))
    assert tuple(frame.columns) == CURVE_COLUMNS and set(frame["measured"]) == {"evaluation"}
    first = frame[frame["digest"] == frame["digest"][0]]
    assert first["at"].is_monotonic_increasing and set(first["unit"]) == {"steps"} and set(first["episodes"]) == {10}
    folder = next((RESULTS / "runs" / "td3_2018" / "half_cheetah" / "seed1").iterdir())
    curve = finished_run(folder).curve
    assert curve is not None
    np.testing.assert_array_equal(frame[frame["seed"] == 1]["score"], curve["score"])
    bundle = curve_frame(finished_records(RESULTS, "cliff_walking"))
    assert set(bundle["seeds"]) == {100} and bundle["seed"].isna().all() and set(bundle["unit"]) == {"episodes"}
    iterations = curve_frame(finished_records(RESULTS, "dopamine_curves"))
    assert "iteration" in set(iterations["measured"])


def test_a_seed_of_a_bundle_is_found() -> None:
    (folder,) = (RESULTS / "runs" / "q_learning" / "cliff_walking" / "seeds1-100").iterdir()
    seventh = finished_run(folder, 7)
    rows = score_frame([folder])
    assert seventh.run.seed == 7 and run_score(seventh, seventh.run.budget) == rows[rows["seed"] == 7]["score"].item()


def test_without_results_there_are_no_rows(tmp_path: Path) -> None:
    for frame in (score_frame(finished_records(tmp_path)), curve_frame(finished_records(tmp_path))):
        assert frame.empty and list(frame.columns)


def test_published_numbers_have_a_row_each() -> None:
    judges = number_frame(None)
    one_a_layout = judges.drop_duplicates("layout")["name"]
    frames = {name: number_frame(name) for name in {*one_a_layout, "nature_2015_table2"}}
    assert all(isinstance(frame, pd.DataFrame) and len(frame) for frame in frames.values())
    table = frames["nature_2015_table2"]
    assert len(table) == 2 * 49 and {"task", "algorithm", "score", "origin"} <= set(table.columns)
