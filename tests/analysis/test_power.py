"""Simulated verdicts: they are those of `judge`, and they are wrong no more often than is claimed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from replication.analysis.intervals import Estimate, family_level
from replication.analysis.power import (
    JudgedGames,
    SeedsNeeded,
    draw_errors,
    false_verdicts,
    seeds_needed,
    simulate_table,
    verdict_words,
)
from replication.analysis.verdicts import judge
from replication.published.loader import published_table
from replication.published.references import normalized_score, reference_set
from replication.published.spreads import between_run_cv
from replication.specification.tasks.atari_games import NATURE49

TABLES = 1_000
TOLERANCE = 4 * math.sqrt(0.05 * 0.95 / TABLES)
"""Four standard errors of a share of 5 %: 2.8 points."""


@pytest.fixture(scope="module")
def nature() -> tuple[np.ndarray, np.ndarray]:
    """DQN's 49 published normalised scores and the spread between runs that stands in for theirs."""
    references = reference_set("nature49_5min")
    scores = published_table("nature_2015_table2").set_index("game")["dqn_mean"]
    published = np.array([normalized_score(float(scores[game]), game, references) for game in NATURE49])
    return published, np.array([between_run_cv("dopamine_curves", game, "DQN") for game in NATURE49]) * np.abs(
        published
    )


@pytest.mark.parametrize(("seeds", "runs"), [(1, None), (2, None), (5, None), (2, 100), (5, 5)])
def test_the_simulation_says_what_judge_says(seeds: int, runs: int | None) -> None:
    errors = draw_errors(np.random.default_rng(1), (300,), seeds=seeds, published_runs=runs, level=0.95)
    truth = {"difference": np.array(12.0), "published": np.array(80.0), "spread": np.array(6.0)}
    replicated, differs, _ = verdict_words(errors, **truth)
    said = []
    for place in range(300):
        # An estimate whose interval has the drawn half width, on one side for both.
        published = 80.0 + 6.0 * errors.published[place]
        ours = published + 12.0 + 6.0 * errors.apart[place]
        error = 6.0 * errors.half_width[place] / 1.959963985
        said.append(
            judge(Estimate(ours, error, math.inf), Estimate(published, 0.0, math.inf), 0.95, stand_in=False).word
        )
    assert [word == "replicated" for word in said] == replicated.tolist()
    assert [word == "differs" for word in said] == differs.tolist()
    assert "inconclusive" in said or seeds == 5


@pytest.mark.parametrize(("seeds", "runs"), [(1, None), (2, None), (3, 100), (2, 100), (5, 5), (20, 100)])
def test_one_interval_misses_the_truth_at_most_as_often_as_it_says(seeds: int, runs: int | None) -> None:
    """Of 20,000; four standard errors of 5 % are 0.6 points. With known spreads it is exactly 5 %."""
    errors = draw_errors(np.random.default_rng(2), (20_000,), seeds=seeds, published_runs=runs, level=0.95)
    missed = float((np.abs(errors.apart) > errors.half_width).mean())
    assert missed < 0.05 + 0.006
    if (seeds, runs) in {(1, None), (20, 100)}:
        assert missed == pytest.approx(0.05, abs=0.006)


@pytest.mark.parametrize("runs", [None, 100])
@pytest.mark.parametrize("seeds", [1, 2, 3, 5, 10])
def test_tables_with_any_false_verdict_are_no_more_than_claimed(
    nature: tuple[np.ndarray, np.ndarray], seeds: int, runs: int | None
) -> None:
    """Whatever the truth: beside the margin, where errors are most frequent, and far from it."""
    games = JudgedGames(*nature, (runs,) * len(NATURE49))
    level = family_level(0.95, len(NATURE49))
    for apart in (0.0, 0.5, 0.9, 0.99, 1.01, 1.1, 2.0):
        found = simulate_table(games, seeds=seeds, margins_apart=apart, level=level, tables=TABLES)
        assert found.any_false <= 0.05 + TOLERANCE, (seeds, runs, apart)
        assert found.any_false >= max(found.any_false_replicated, found.any_false_differs)


def test_the_check_sees_intervals_that_are_too_narrow(nature: tuple[np.ndarray, np.ndarray]) -> None:
    """At the level of one comparison, or with half the spread, false verdicts are far more than 5 %."""
    games = JudgedGames(*nature, (None,) * len(NATURE49))
    alone = simulate_table(games, seeds=1, margins_apart=0.5, level=0.95, tables=TABLES)
    narrow = simulate_table(
        games, seeds=1, margins_apart=0.5, level=family_level(0.95, 49), tables=TABLES, stand_in_factor=0.5
    )
    assert min(alone.any_false, narrow.any_false) > 0.2


def test_a_false_verdict_is_one_on_the_wrong_side_of_the_margin() -> None:
    errors = draw_errors(np.random.default_rng(3), (4_000,), seeds=1, published_runs=None, level=0.5)
    for difference, wrong in ((20.0, 1), (30.0, 0)):  # the margin of 100 is 25
        truth = {"difference": np.array(difference), "published": np.array(100.0), "spread": np.array(2.0)}
        words, false = verdict_words(errors, **truth), false_verdicts(errors, **truth)
        assert not false[1 - wrong].any() and (false[wrong] <= words[wrong]).all()
    # Errors beside the margin do happen with intervals of 50 %.
    truth = {"difference": np.array(24.9), "published": np.array(100.0), "spread": np.array(2.0)}
    assert 0.01 < false_verdicts(errors, **truth)[1].mean() < 0.25


def test_seeds_needed_of_a_spread_worked_by_hand() -> None:
    """Margin 25, one published number, level 95 %: with s between runs the interval is +-1.96 s sqrt(1 + 1 / n)."""
    # With s = 14 the published side's 27.4 alone reaches past the margin, whatever our seeds.
    assert seeds_needed(100.0, 14.0, None, 0.95).replicated is None
    # With s = 2 one seed has +-5.5: the difference scatters by 2.8, so it lies within 19.5 nearly always.
    assert seeds_needed(100.0, 2.0, None, 0.95) == SeedsNeeded(1, 1)
    # 100 published runs: with s = 14 our own error is what counts.
    found = seeds_needed(100.0, 14.0, 100, 0.95)
    assert found.replicated is not None and 5 <= found.replicated <= 20
    assert seeds_needed(100.0, 14.0, 100, 0.95) == found
