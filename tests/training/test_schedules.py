"""Schedules against numbers worked by hand (fidelity rows S2, S3, S4)."""

from __future__ import annotations

import pytest

from replication.foundation.errors import ReplicationError
from replication.specification.budget import steps_of_frames
from replication.specification.families.off_policy import EpsilonConfig
from replication.training.schedules import epsilon_at, is_due

NATURE = EpsilonConfig(start=1.0, end=0.1, decay_starts_after_steps=50_000, decay_steps=1_000_000)
DOPAMINE = EpsilonConfig(start=1.0, end=0.01, decay_starts_after_steps=20_000, decay_steps=250_000)


@pytest.mark.parametrize(
    ("step", "epsilon"),
    [(0, 1.0), (50_000, 1.0), (50_001, 0.9999991), (550_000, 0.55), (1_050_000, 0.1), (50_000_000, 0.1)],
)
def test_s3_nature_epsilon_counts_agent_steps(step: int, epsilon: float) -> None:
    assert epsilon_at(step, NATURE) == pytest.approx(epsilon, abs=1e-12)


@pytest.mark.parametrize(("step", "epsilon"), [(20_000, 1.0), (145_000, 0.505), (270_000, 0.01)])
def test_d23_dopamine_epsilon(step: int, epsilon: float) -> None:
    assert epsilon_at(step, DOPAMINE) == pytest.approx(epsilon, abs=1e-12)


def test_s4_a_period_falls_on_its_multiples() -> None:
    assert [step for step in range(12) if is_due(step, 4)] == [0, 4, 8]


def test_budgets_are_whole_agent_steps() -> None:
    assert steps_of_frames(200_000_000, 4) == 50_000_000
    for bad in (0, -4, 401):
        with pytest.raises(ReplicationError, match="positive multiple of 4"):
            steps_of_frames(bad, 4)
