"""Evenly spaced states, and t-SNE coordinates that come out equal twice."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from replication.embedding import StateSample, activations_path, coordinates, embed
from replication.errors import ReplicationError
from replication.evaluation import score
from replication.traces import read_trace
from tests.lanes import smoke_run
from tests.test_cli import _train


@pytest.mark.parametrize("length", [3, 8, 9, 100, 1_000])
def test_a_sample_is_evenly_spaced_over_the_whole_series(length: int) -> None:
    sample = StateSample(8)
    for i in range(length):
        sample.see(np.full((2, 2, 1), i % 256, dtype=np.uint8))
    gaps = set(np.diff(sample.steps).tolist())
    assert len(gaps) <= 1
    assert min(length, 8) / 2 <= len(sample.steps) <= 8
    assert [int(state[0, 0, 0]) for state in sample.states] == [step % 256 for step in sample.steps]


def test_coordinates_separate_what_is_apart_and_are_equal_twice() -> None:
    generator = np.random.default_rng(0)
    hidden = np.concatenate([generator.normal(0, 1, (40, 16)), generator.normal(12, 1, (40, 16))]).astype(np.float32)
    one, other = coordinates(hidden), coordinates(hidden)
    np.testing.assert_array_equal(one, other)
    within = np.linalg.norm(one[:40] - one[:40].mean(0), axis=1).mean()
    between = np.linalg.norm(one[:40].mean(0) - one[40:].mean(0))
    assert between > 3 * within


def test_v16_a_run_leaves_activations_that_embed_to_its_evaluation(tmp_path: Path) -> None:
    run = smoke_run()
    with pytest.raises(ReplicationError, match="no activations to embed"):
        embed(run, tmp_path / "results", tmp_path / "state")
    assert _train(tmp_path) == 0
    path = embed(run, tmp_path / "results", tmp_path / "state")
    trace = read_trace(path.parent / "evaluation.trace")
    assert score(trace) >= 0
    rows = list(csv.DictReader(path.read_text().splitlines()))
    for row in rows:
        assert 0 <= int(row["frame"]) < trace.episodes[int(row["episode"])].scored_frames
    assert {int(row["episode"]) for row in rows} == {0, 1}
    with np.load(activations_path(run, tmp_path / "state")) as stored:
        assert stored["hidden"].shape == (len(rows), 512)
        assert stored["hidden"].min() == 0.0 < stored["hidden"].max()  # after its ReLU
        assert [row["value"] for row in rows] == [f"{value:.5g}" for value in stored["values"]]
    before = path.read_bytes()
    path.unlink()
    assert embed(run, tmp_path / "results", tmp_path / "state").read_bytes() == before
