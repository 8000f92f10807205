"""Two-point outcomes: shares above a level, by examples worked to four digits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from replication.analysis.two_point import gap_limit, halfway, is_two_point, judge_shares, judge_two_point
from replication.analysis.verdict_conventions import Family
from replication.analysis.verdict_rule import Comparison, Runs, judge


@pytest.mark.parametrize(
    ("ours_above", "published_above", "p", "word"),
    [(3, 8, "1.0000", "consistent"), (0, 8, "0.0350", "consistent"), (0, 9, "0.0140", "differs")],
)
def test_shares_are_compared_by_fishers_exact_test(ours_above: int, published_above: int, p: str, word: str) -> None:
    found = judge_shares(ours_above, 3, published_above, 10, Family(1))
    assert found.word == word
    assert found.reason == (
        f"{ours_above} of 3 runs beside {published_above} of 10 published ones are above the level"
        f" (Fisher's exact test, p = {p})"
    )


@pytest.mark.parametrize(("ours", "published"), [(3, 5), (5, 5), (3, 10), (10, 10), (30, 30)])
def test_equal_shares_differ_seldom(ours: int, published: int) -> None:
    """Exactly, over every outcome: at most 2.5 % whatever the true share, far less for few runs."""
    said = np.array(
        [
            [judge_shares(one, ours, other, published, Family(1)).word == "differs" for other in range(published + 1)]
            for one in range(ours + 1)
        ]
    )
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        one, other = (stats.binom.pmf(np.arange(runs + 1), runs, share) for runs in (ours, published))
        assert one @ said @ other <= 0.025


def test_the_error_is_shared_out_over_the_table_and_its_looks() -> None:
    assert judge_shares(0, 3, 9, 10, Family(1)).word == "differs"
    assert judge_shares(0, 3, 9, 10, Family(2)).word == "consistent"
    assert judge_shares(0, 3, 9, 10, Family(1, 2.0)).word == "consistent"


def test_replicated_is_never_said_of_shares() -> None:
    assert judge_shares(10, 10, 10, 10, Family(1)).word == "consistent"
    assert judge_two_point([1000.0] * 10, [1000.0] * 10, 500.0, Family(1)).word == "consistent"


def test_runs_above_the_level_differ_by_the_tests_of_a_share_with_half_the_error() -> None:
    published = [9000.0, 9100.0, 8900.0, 9050.0, 20.0]
    assert judge_two_point([9000.0, 9060.0, 30.0], published, 4000.0, Family(1)).word == "consistent"
    found = judge_two_point([5000.0, 5060.0, 30.0], published, 4000.0, Family(1))
    assert found.word == "differs"
    assert found.reason.startswith("2 of 3 runs beside 4 of 5 published ones are above the level, and the runs above")
    assert found.share == pytest.approx(5030.0 / 9012.5)
    above = Comparison(Runs(5030.0, 2, 1800.0), Runs(9012.5, 4, float(np.var(published[:4], ddof=1))), 0.0, None)
    assert found.share_high_wide == judge(above, Family(2)).share_high_wide != judge(above, Family(1)).share_high_wide


def test_one_run_above_the_level_is_judged_by_shares_alone() -> None:
    published = [9000.0, 9100.0, 8900.0, 9050.0, 20.0]
    assert judge_two_point([5000.0], published, 4000.0, Family(1)).share is None
    assert judge_two_point([5000.0, 5060.0], [9000.0, 20.0, 30.0], 4000.0, Family(1)).share is None


def test_what_runs_learned_is_taken_above_the_floor() -> None:
    published = [9000.0, 9100.0, 8900.0, 9050.0]
    found = judge_two_point([5000.0, 5060.0], published, 4000.0, Family(1), floor=4500.0, floor_error=1.0)
    assert found.share == pytest.approx(530.0 / 4512.5)


@pytest.mark.parametrize(
    ("scores", "two_point"),
    [
        ([1000.0, 1000.0, 1000.0], True),
        ([1000.0, 1000.0], True),
        ([1000.0, 900.0], False),
        ([1000.0], False),
        ([], False),
        ([9000.0, 9010.0, 9005.0, 8990.0, 40.0], True),
        ([9000.0, 8000.0, 7100.0, 6000.0, 5000.0], False),
        ([9000.0] * 6 + [40.0] * 4, True),
    ],
)
def test_two_outcomes_are_seen_in_the_published_runs(scores: list[float], two_point: bool) -> None:
    assert is_two_point(scores) == two_point


@pytest.mark.parametrize(("runs", "limit"), [(5, 0.84), (10, 0.58)])
def test_the_gap_of_normal_samples_exceeds_the_limit_once_in_a_hundred(runs: int, limit: float) -> None:
    assert gap_limit(runs) == pytest.approx(limit, abs=0.006)
    samples = np.random.default_rng(5).standard_normal((4_000, runs))
    found = np.mean([is_two_point(sample) for sample in samples])
    assert found == pytest.approx(0.01, abs=4 * np.sqrt(0.01 * 0.99 / 4_000))


def test_the_level_is_halfway() -> None:
    assert halfway(-20.0, 1000.0) == 490.0


@pytest.mark.parametrize("counts", [(4, 3, 5, 10), (0, 0, 5, 10), (1, 3, 11, 10), (-1, 3, 5, 10)])
def test_counts_that_cannot_be_are_refused(counts: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="expected at most all of one or more"):
        judge_shares(*counts, Family(1))
