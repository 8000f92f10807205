"""Evenly spaced states, and t-SNE coordinates that come out equal twice."""

from __future__ import annotations

import numpy as np
import pytest

from replication.analysis.embedding import coordinates, policy_rows, used_perplexity
from replication.evidence.activations import Activations, StateSample


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


def test_two_policies_are_embedded_together_and_kept_apart_by_name() -> None:
    generator = np.random.default_rng(0)

    def some(number: int) -> Activations:
        hidden = generator.normal(0, 1, (number, 8)).astype(np.float32)
        return Activations(hidden, np.arange(number, dtype=np.float32), np.zeros(number, int), 4 * np.arange(number))

    agent, random = some(20), some(10)
    rows = policy_rows(agent, random)
    assert [row["policy"] for row in rows] == ["agent"] * 20 + ["random"] * 10
    assert [row["frame"] for row in rows] == [*range(0, 80, 4), *range(0, 40, 4)]
    together = coordinates(np.concatenate([agent.hidden, random.hidden]))
    assert rows[25]["x"] == f"{together[25, 0]:.4f}"


@pytest.mark.parametrize(("points", "perplexity"), [(1_500, 30), (91, 30), (31, 10), (2, 1)])
def test_few_points_allow_less_perplexity(points: int, perplexity: float) -> None:
    assert used_perplexity(points) == perplexity
