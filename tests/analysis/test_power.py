"""Planning: the chance of each word beside published runs as they are."""

from __future__ import annotations

import numpy as np
import pytest

from replication.analysis.power import PublishedSide, SeedsNeeded, chances, published_side, seeds_needed
from replication.analysis.verdict_conventions import Family
from replication.analysis.verdict_rule import Comparison, Runs, judge
from replication.published.curves import training_curve
from replication.published.references import reference_set

CELLS = [
    ("asterix", "DQN", 1, 1, 0.94),
    ("assault", "IQN", 1, 1, 0.97),
    ("krull", "Rainbow", 1, 1, 0.97),
    ("qbert", "IQN", 1, 1, 0.83),
    ("amidar", "Rainbow", 1, 1, 0.99),
    ("amidar", "C51", 1, 1, 0.81),
    ("breakout", "IQN", 1, 2, 0.85),
    ("tutankham", "IQN", 2, 1, 0.95),
    ("berzerk", "IQN", 1, 2, 0.91),
    ("alien", "IQN", 1, 2, 0.91),
    ("gopher", "IQN", 2, 1, 0.86),
    ("road_runner", "Rainbow", 1, 2, 0.85),
    ("ms_pacman", "C51", 1, 2, 0.82),
    ("seaquest", "IQN", 1, 2, 0.82),
    ("space_invaders", "IQN", 2, 1, 0.93),
    ("tutankham", "Rainbow", 1, 2, 0.92),
    ("kung_fu_master", "C51", 1, 2, 0.89),
]
"""Game, agent, million frames, seeds, and the chance of `replicated` that another program computed."""


@pytest.mark.parametrize(("game", "agent", "millions", "seeds", "expected"), CELLS)
def test_the_chance_beside_published_curves(game: str, agent: str, millions: int, seeds: int, expected: float) -> None:
    point = training_curve("dopamine_curves", game, agent).set_index("frames_millions").loc[millions]
    floor = reference_set("atari57_30min").random[game]
    side = PublishedSide(float(point["score_mean"]) - floor, float(point["score_std"]) ** 2, int(point["runs"]), 0.0)
    assert chances(side, seeds, Family(1)).replicated == pytest.approx(expected, abs=0.035)


def test_the_words_are_those_of_the_rule() -> None:
    """A spread of nothing, but for the tenth that planning adds: our run is the published mean or not."""
    side = PublishedSide(100.0, 22.5, 5, 0.0)
    found = chances(side, 2, Family(1))
    stream = np.random.default_rng(1)
    planned = (4 * 22.5 + 100.0) / 5
    said = []
    for _ in range(1_000):
        variance = planned * 5 / stream.chisquare(5)
        ours = stream.normal(100.0 + stream.normal(0.0, np.sqrt(variance / 5)), np.sqrt(variance), 2)
        one = Comparison(Runs(float(ours.mean()), 2, float(ours.var(ddof=1))), Runs(100.0, 5, 22.5), 0.0, None)
        said.append(judge(one, Family(1)).word)
    assert found.replicated == pytest.approx(said.count("replicated") / 1_000, abs=0.05)
    assert found.uninformative == 0.0


def test_an_agent_below_its_floor_is_uninformative_with_any_seeds() -> None:
    side = PublishedSide(-5.0, 25.0, 5, 0.0)
    assert chances(side, 3, Family(1)).uninformative == 1.0
    assert seeds_needed(side, Family(1)) == SeedsNeeded(None, None, None, 0.0)


def test_a_small_spread_is_not_believed() -> None:
    """A published deviation of 1 % of what was learned is more often luck than it is so small."""
    found = chances(PublishedSide(100.0, 1.0, 3, 0.0), 1, Family(10)).replicated
    assert 0.6 < found < 0.95


def test_seeds_needed_rise_with_the_spread_and_the_comparisons() -> None:
    def replicated(deviation: float, comparisons: int) -> int | None:
        return seeds_needed(PublishedSide(100.0, deviation**2, 5, 0.0), Family(comparisons)).replicated

    assert replicated(2.0, 1) == 1
    assert replicated(7.0, 1) in (2, 3, 5)
    assert (replicated(7.0, 10) or 1_000) > (replicated(7.0, 1) or 0)
    # 0.25 b <= t(0.95, 4) 1.25 sqrt(v / 5) from 21 on: no number of seeds replicates.
    assert replicated(22.0, 1) is None


def test_an_agent_that_learned_nothing_is_found_with_fewer_seeds_than_one_that_learned_half() -> None:
    found = seeds_needed(PublishedSide(100.0, 15.0**2, 5, 0.0), Family(10))
    assert found.differs_floor is not None
    assert found.differs_half is None or found.differs_half >= found.differs_floor
    # One run never says so among more than ten.
    long_table = seeds_needed(PublishedSide(100.0, 1.0, 5, 0.0), Family(11))
    assert (long_table.differs_half, long_table.differs_floor) == (2, 2)


def test_one_published_number_has_the_error_of_one_run() -> None:
    number = chances(PublishedSide(100.0, 25.0, None, 0.0), 2, Family(1)).replicated
    runs = chances(PublishedSide(100.0, 25.0, 3, 0.0), 2, Family(1)).replicated
    assert number < runs


def test_the_published_side_of_a_comparison() -> None:
    ours = Runs(0.0, 1, None)
    assert published_side(Comparison(ours, Runs(9.0, 5, 4.0), 1.0, None)) == PublishedSide(9.0, 4.0, 5, 1.0)
    assert published_side(Comparison(ours, Runs(9.0, 1, None), 1.0, 4.0)) == PublishedSide(9.0, 4.0, None, 1.0)
    assert published_side(Comparison(ours, Runs(9.0, 1, None), 1.0, None)) is None
