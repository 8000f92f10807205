"""Runs whose last training episodes are scored, judged and drawn: from their table, at frames of training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from replication.analysis.aggregate_curves import run_curve
from replication.analysis.cells import cells_of, run_score
from replication.analysis.finished import FinishedRuns, load_runs
from replication.analysis.learning_curves import judged_text, learning_curves
from replication.foundation.errors import ReplicationError
from replication.foundation.files import csv_bytes
from replication.report.figures.learning_curves_caption import caption
from replication.specification import experiments
from replication.specification.budget import Budget
from replication.specification.experiments import Experiment
from replication.specification.run import resolve_run
from tests.support.finished_runs import finish, made_up_experiment
from tests.support.scored_runs import scored_protocol

POINTS = (100_000, 400_000)


@pytest.fixture
def experiment(monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """Two seeds of DQN under a protocol that scores the last training episodes, judged twice."""

    def resolved(**arguments: object) -> object:
        run = resolve_run(**arguments)  # type: ignore[arg-type]
        score = {"episodes": 100, "at_frames": POINTS}
        return replace(run, protocol=scored_protocol(run.protocol, training_score=score))

    monkeypatch.setattr(experiments, "resolve_run", resolved)
    return made_up_experiment([{"seeds": [1, 2], "judge_at": list(POINTS)}], published=None)


@pytest.fixture
def finished(experiment: Experiment, tmp_path: Path) -> FinishedRuns:
    for number, run in enumerate(experiment.runs()):
        folder = finish(run, tmp_path)
        rows = [
            {"frames": f, "episodes": 100, "first_episode": 0, "last_episode": 99, "mean_return": f / 1e5 + number}
            for f in (50_000, *POINTS)
        ]
        (folder / "training_curve.csv").write_bytes(csv_bytes(rows))
    return load_runs(experiment, tmp_path)


def test_a_run_is_scored_by_the_point_of_its_curve(experiment: Experiment, finished: FinishedRuns) -> None:
    cells = cells_of(experiment, finished)
    assert [(cell.run.training_frames, cell.scores) for cell in cells] == [(100_000, [1.0, 2.0]), (400_000, [4.0, 5.0])]
    with pytest.raises(
        ReplicationError, match=r"training_curve.csv: frames 80000: found 0 rows, expected one: no epis"
    ):
        run_score(finished[0], Budget(steps=20_000))


def test_its_curve_is_what_is_drawn(experiment: Experiment, finished: FinishedRuns) -> None:
    data = learning_curves(experiment, finished, 20_000)
    lines = data[data["series"] == "last episodes"].groupby("seed")["value"].apply(list)
    assert lines.to_dict() == {1: [0.5, 1.0, 4.0], 2: [1.5, 2.0, 5.0]}
    assert data[data["series"] == "last episodes mean"]["value"].tolist() == [1.0, 1.5, 4.5]
    judged = data[data["series"] == "judged"]
    assert judged[["frames", "value"]].values.tolist() == [[100_000, 1.5], [400_000, 4.5]]
    assert not data["series"].isin(["training", "iteration"]).any()
    text = caption(experiment, finished, data, 20_000, 0)
    assert "judged after frames 100,000 and 400,000" in text
    assert judged_text(experiment.runs(), experiment) in text
    assert "Lines are the mean return of the last 100 training episodes. Where a run may be judged, its record" in text
    frames, scores = run_curve(finished[1], Budget(steps=25_000))
    assert (frames.tolist(), scores.tolist()) == ([50_000, 100_000], [1.5, 2.0])


def test_a_run_without_its_curve_is_one_line(experiment: Experiment, finished: FinishedRuns, tmp_path: Path) -> None:
    path = finished[0].folder / "training_curve.csv"
    path.unlink()
    with pytest.raises(
        ReplicationError, match=r"training_curve.csv: found no such file, expected what protocol nature"
    ):
        load_runs(experiment, tmp_path)
