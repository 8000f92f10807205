"""The rule of a verdict: examples worked to four digits, and its edges."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest

from replication.analysis.share_tests import quantities_of, student_quantile
from replication.analysis.verdict_conventions import Family, look_factor
from replication.analysis.verdict_rule import Comparison, Runs, judge, no_reference, not_run


class Example(NamedTuple):
    """A row: our n, a and variance; the published k, b and variance; M; share; both intervals; the word."""

    n: int
    a: float
    ours: float | None
    k: int
    b: float
    published: float
    size: float
    share: float
    narrow: tuple[float, float] | None
    wide: tuple[float, float] | None
    word: str
    stand_in: bool = False
    floor_error: float = 0.0
    looks: float = 1.0

    def comparison(self) -> Comparison:
        published = Runs(self.b, self.k, None if self.stand_in else self.published)
        stand_in = self.published if self.stand_in else None
        return Comparison(Runs(self.a, self.n, self.ours), published, self.floor_error, stand_in)

    def family(self) -> Family:
        return Family(int(self.size / self.looks), self.looks)


EXAMPLES = {
    "one seed, small spread": Example(
        1, 1132, None, 5, 1175, 1497.69, 1, 0.9634, (0.8879, 1.0409), (0.8653, 1.0647), "replicated"
    ),
    "the same among ten": Example(
        1, 1132, None, 5, 1175, 1497.69, 10, 0.9634, (0.8023, 1.1334), (0.7685, 1.1715), "replicated"
    ),
    "two seeds": Example(2, 17.55, 0.845, 5, 17.3, 0.36, 10, 1.0145, (0.8863, 1.1530), (0.8628, 1.1815), "replicated"),
    "three seeds": Example(
        3, 295.9333, 408.3333, 5, 305.6, 198.81, 10, 0.9684, (0.8291, 1.1252), (0.8055, 1.1574), "replicated"
    ),
    "wide published spread": Example(2, 636.5, 52488, 5, 1111.4, 1000000, 4, 0.5727, None, None, "uninformative"),
    "half of what was learned": Example(
        2, 500, 900, 5, 1000, 1600, 10, 0.5, (0.3865, 0.6203), (0.3659, 0.6442), "differs"
    ),
    "one number, stand-in": Example(
        3, 980, 3600, 1, 1000, 6400, 1, 0.98, (0.7784, 1.2947), (0.7105, 1.5130), "inconclusive", stand_in=True
    ),
    "published below the floor": Example(
        3, -95, 16, 5, -100, 25, 1, 0.95, (0.8826, 1.0217), (0.8647, 1.0426), "uninformative"
    ),
    "ten published, four degrees borrowed": Example(
        2, 102, 18, 10, 100, 90.8889, 1, 1.02, (0.8862, 1.1600), (0.8509, 1.1986), "replicated"
    ),
    "third look of three": Example(
        3, 98, 36, 5, 100, 22.5, 2, 0.98, (0.8898, 1.0770), (0.8700, 1.1008), "replicated", looks=2.0
    ),
    "one run of 49, outside": Example(
        1, 40, None, 5, 100, 22.5, 49, 0.4, (0.0614, 0.7573), (-0.0063, 0.8336), "inconclusive"
    ),
    "two runs of 49": Example(2, 40, 8, 5, 100, 22.5, 49, 0.4, (0.2135, 0.6052), (0.1833, 0.6440), "differs"),
    "two equal seeds": Example(2, 100, 0, 5, 100, 22.5, 1, 1.0, (0.9264, 1.0776), (0.9062, 1.1007), "replicated"),
    "floor with an error": Example(
        1, 81, None, 5, 80, 22.5, 1, 1.0125, (0.8766, 1.1549), (0.8366, 1.1996), "replicated", floor_error=2.0
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_comes_out_to_four_digits(name: str) -> None:
    example = EXAMPLES[name]
    found = judge(example.comparison(), example.family())
    assert found.word == example.word
    assert found.share == pytest.approx(example.share, abs=6e-5)
    for interval, expected in (
        ((found.share_low, found.share_high), example.narrow),
        ((found.share_low_wide, found.share_high_wide), example.wide),
    ):
        assert interval == (None, None) if expected is None else interval == pytest.approx(expected, abs=6e-5)
    assert found.stand_in == example.stand_in
    assert found.difference == pytest.approx(example.a - example.b)
    half = example.comparison().half_width(example.family().differs_level, 1.0)
    assert found.difference_high - found.difference_low == pytest.approx(2 * half)


def five_published(mean: float, variance: float = 22.5, *, ours: Runs, floor_error: float = 0.0) -> Comparison:
    return Comparison(ours, Runs(mean, 5, variance), floor_error, None)


def test_the_half_width_is_the_sum_of_both_errors_and_the_floors() -> None:
    """Worked by hand: t(0.95, 5) = 2.0150 of ours, t(0.95, 4) = 2.1318 of theirs, z(0.95) = 1.6449."""
    comparison = five_published(100.0, 20.0, ours=Runs(90.0, 2, 30.0), floor_error=3.0)
    pooled = (4 * 20.0 + 1 * 30.0) / 5
    for w in (0.75, 1.0, 1.25):
        square = 2.0150**2 * pooled / 2 + w**2 * 2.1318**2 * 20.0 / 5 + (1 - w) ** 2 * 1.6449**2 * 9.0
        assert comparison.half_width(0.95, w) == pytest.approx(math.sqrt(square), abs=1e-3)


def test_the_interval_holds_the_shares_that_the_half_width_allows() -> None:
    comparison = five_published(100.0, ours=Runs(90.0, 2, 30.0), floor_error=3.0)
    low, high = comparison.share_interval(0.95)
    for end in (low, high):
        assert abs(90.0 - end * 100.0) == pytest.approx(comparison.half_width(0.95, end))
    assert low < 0.9 < high


def test_one_seed_is_the_case_n_equal_one_and_a_second_equal_seed_narrows_the_interval() -> None:
    one = five_published(100.0, ours=Runs(100.0, 1, None))
    assert one.half_width(0.95, 1.0) == pytest.approx(2.131847 * math.sqrt(22.5 + 22.5 / 5), abs=1e-4)
    two = five_published(100.0, ours=Runs(100.0, 2, 22.5))
    assert two.half_width(0.95, 1.0) < one.half_width(0.95, 1.0)


def test_no_more_than_four_degrees_are_borrowed_from_thirty_published_runs() -> None:
    comparison = Comparison(Runs(100.0, 2, 9.0), Runs(100.0, 30, 25.0), 0.0, None)
    assert comparison.quantities.ours_degrees == 5
    assert comparison.quantities.ours_error == pytest.approx((4 * 25.0 + 9.0) / 5 / 2)
    assert comparison.quantities.published_degrees == 29


def test_a_stand_in_lends_two_degrees_and_counts_one_published_run() -> None:
    comparison = Comparison(Runs(100.0, 3, 4.0), Runs(100.0, 1, None), 0.0, 9.0)
    assert comparison.quantities.ours_degrees == 4
    assert comparison.quantities.ours_error == pytest.approx((2 * 9.0 + 2 * 4.0) / 4 / 3)
    assert (comparison.quantities.published_degrees, comparison.quantities.published_error) == (2, 9.0)
    mean_of_five = Comparison(Runs(100.0, 3, 4.0), Runs(100.0, 5, None), 0.0, 9.0)
    assert mean_of_five.half_width(0.95, 1.0) == comparison.half_width(0.95, 1.0)


def test_one_number_without_a_stand_in_is_no_reference() -> None:
    found = judge(Comparison(Runs(1.0, 1, None), Runs(1.0, 1, None), 0.0, None), Family(1))
    assert (found.word, found.share, found.difference) == ("no reference", None, None)


def test_zero_published_spread_lends_nothing() -> None:
    """One run of ours then has no error that could be known; two have their own."""
    alone = judge(five_published(100.0, 0.0, ours=Runs(100.0, 1, None)), Family(1))
    assert (alone.word, alone.reason, alone.more_seeds_can_decide) == ("inconclusive", "more seeds can decide", True)
    assert (alone.share, alone.share_low, alone.difference_low) == (1.0, None, None)
    two = five_published(100.0, 0.0, ours=Runs(100.0, 2, 4.0))
    assert two.half_width(0.95, 1.0) == pytest.approx(6.313752 * math.sqrt(2.0), abs=1e-4)


@pytest.mark.parametrize(("mean", "word"), [(0.0, "uninformative"), (-3.0, "uninformative"), (5.0, "uninformative")])
def test_a_published_agent_at_or_below_its_floor_is_uninformative_whatever_ours_did(mean: float, word: str) -> None:
    for ours in (-500.0, mean, 500.0):
        assert judge(five_published(mean, ours=Runs(ours, 2, 22.5)), Family(1)).word == word


def test_being_informative_does_not_depend_on_the_number_of_comparisons() -> None:
    """t(0.975, 4) sqrt(22.5 / 5) = 5.8896; with f = 2: sqrt(5.8896^2 + (1.96 * 2)^2) = 7.0749."""
    for mean, floor_error, informative in (
        (5.88, 0.0, False),
        (5.90, 0.0, True),
        (7.07, 2.0, False),
        (7.08, 2.0, True),
    ):
        comparison = five_published(mean, ours=Runs(mean, 1, None), floor_error=floor_error)
        assert comparison.informative == informative
        for comparisons in (1, 100):
            assert (judge(comparison, Family(comparisons)).word != "uninformative") == informative


def test_an_agent_that_learned_where_the_published_one_did_not_differs() -> None:
    def word(ours: Runs, margin: float | None) -> str:
        return judge(five_published(2.0, ours=ours), Family(1), uninformative_margin=margin).word

    half = five_published(2.0, ours=Runs(30.0, 2, 22.5)).half_width(0.975, 1.0)
    assert word(Runs(2.0 + half + 10.1, 2, 22.5), 10.0) == "differs"
    assert word(Runs(2.0 + half + 9.9, 2, 22.5), 10.0) == "uninformative"
    assert word(Runs(900.0, 2, 22.5), None) == "uninformative"
    assert word(Runs(900.0, 1, None), 10.0) == "uninformative", "one run is not enough"
    assert word(Runs(-900.0, 2, 22.5), 10.0) == "uninformative", "ours learned nothing either"


def test_signs_are_kept() -> None:
    """An agent as far below its floor as the published one is above it learned nothing."""
    found = judge(five_published(100.0, ours=Runs(-100.0, 2, 22.5)), Family(1))
    assert (found.word, found.share) == ("differs", -1.0)


def test_one_run_never_says_differs_among_more_than_ten() -> None:
    comparison = five_published(100.0, ours=Runs(10.0, 1, None))
    assert judge(comparison, Family(10)).word == "differs"
    found = judge(comparison, Family(11))
    assert (found.word, found.reason) == ("inconclusive", "one run, outside; a second decides")
    assert found.more_seeds_can_decide
    # Looks widen intervals; comparisons alone make a table long.
    assert judge(comparison, Family(10, 3.0)).word == "differs"
    assert judge(five_published(100.0, ours=Runs(10.0, 2, 22.5)), Family(11)).word == "differs"


def test_an_inconclusive_verdict_says_whether_more_seeds_can_decide() -> None:
    """0.25 b beside t(0.95, 4) 1.25 sqrt(v / 5) = 1.1917 sqrt(v): for b = 100 the limit is v = 440."""
    for variance, can in ((430.0, True), (450.0, False)):
        found = judge(five_published(100.0, variance, ours=Runs(100.0, 1, None)), Family(1))
        assert (found.word, found.more_seeds_can_decide) == ("inconclusive", can)
    assert found.reason == "no number of seeds can: 5 published runs are too few"
    # And so it is: a million seeds without error do not replicate.
    many = five_published(100.0, 450.0, ours=Runs(100.0, 1_000_000, 450.0))
    assert judge(many, Family(1)).word == "inconclusive"
    assert judge(five_published(100.0, 430.0, ours=Runs(100.0, 1_000_000, 430.0)), Family(1)).word == "replicated"


def test_no_finite_interval_where_the_published_mean_is_lost_in_its_error() -> None:
    found = judge(five_published(4.0, ours=Runs(4.0, 2, 22.5)), Family(1))
    assert (found.share_low, found.share_high, found.share_low_wide) == (None, None, None)
    assert found.share == 1.0
    assert found.difference_low < 0.0 < found.difference_high
    assert judge(five_published(0.0, ours=Runs(4.0, 2, 22.5)), Family(1)).share is None


@pytest.mark.parametrize(
    ("plan", "factor"),
    [
        ((), 1.0),
        ((3,), 1.0),
        ((1, 2), 2.0),
        ((1, 3), 2.0),
        ((1, 2, 3), 2.0),
        ((2, 3, 5), 2.0),
        ((3, 5, 10), 2.0),
        ((1, 2, 3, 5), 2.5),
        ((1, 2, 3, 5, 10), 3.0),
        ((2, 4), 2.0),
        ((2, 4, 8, 16), 3.0),
    ],
)
def test_looks_multiply_the_comparisons(plan: tuple[int, ...], factor: float) -> None:
    assert look_factor(plan) == factor
    family = Family(4, factor)
    assert family.size == 4 * factor
    assert family.replicated_level == pytest.approx(1 - 0.05 / (4 * factor))
    assert family.differs_level == pytest.approx(1 - 0.025 / (4 * factor))


@pytest.mark.parametrize("plan", [(0, 1), (2, 2), (3, 2)])
def test_looks_must_rise(plan: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected counts of at least 1 that rise"):
        look_factor(plan)


def test_a_family_without_comparisons_has_the_levels_of_one() -> None:
    assert Family(0).replicated_level == Family(1).replicated_level == pytest.approx(0.95)


@pytest.mark.parametrize(
    ("ours", "published", "floor_error", "stand_in", "says"),
    [
        (Runs(math.nan, 1, None), Runs(1.0, 5, 1.0), 0.0, None, "ours: found"),
        (Runs(1.0, 0, None), Runs(1.0, 5, 1.0), 0.0, None, "ours: found"),
        (Runs(1.0, 2, None), Runs(1.0, 5, 1.0), 0.0, None, "no variance of 2 runs"),
        (Runs(1.0, 1, 0.0), Runs(1.0, 5, 1.0), 0.0, None, "of one run"),
        (Runs(1.0, 1, None), Runs(1.0, 5, -1.0), 0.0, None, "published: found variance -1.0"),
        (Runs(1.0, 1, None), Runs(1.0, 5, 1.0), -1.0, None, "floor_error"),
        (Runs(1.0, 1, None), Runs(1.0, 5, 1.0), 0.0, 1.0, "beside a published variance"),
        (Runs(1.0, 1, None), Runs(1.0, 1, None), 0.0, 0.0, "expected one above 0"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    ours: Runs, published: Runs, floor_error: float, stand_in: float | None, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        Comparison(ours, published, floor_error, stand_in)


def test_many_comparisons_have_the_words_of_one_each() -> None:
    stream = np.random.default_rng(1)
    a, b = stream.normal(80.0, 30.0, 400), stream.normal(80.0, 30.0, 400)
    ours_variance, published_variance = stream.chisquare(2, 400) * 20, stream.chisquare(4, 400) * 20
    many = quantities_of(a, 3, ours_variance, b, published_variance, 5, np.full(400, 2.0)).words(Family(7))
    said = [
        judge(Comparison(Runs(a[i], 3, ours_variance[i]), Runs(b[i], 5, published_variance[i]), 2.0, None), Family(7))
        for i in range(400)
    ]
    for word, where in zip(("uninformative", "replicated", "differs"), many, strict=True):
        assert [found.word == word for found in said] == where.tolist()
        assert where.any()


def test_the_words_are_those_that_the_intervals_of_the_share_show() -> None:
    """`replicated`: the narrow one lies within a quarter of 1; `differs`: the wide one lies outside of it."""
    stream = np.random.default_rng(2)
    words = set()
    for _ in range(600):
        a, floor_error = float(stream.uniform(20.0, 180.0)), float(stream.choice([0.0, 3.0]))
        comparison = five_published(
            100.0, float(stream.chisquare(4) * 20), ours=Runs(a, 2, 50.0), floor_error=floor_error
        )
        found = judge(comparison, Family(3))
        if found.word == "uninformative" or found.share_low is None or found.share_low_wide is None:
            continue
        inside = found.share_low >= 0.75 and found.share_high <= 1.25
        outside = found.share_low_wide > 1.25 or found.share_high_wide < 0.75
        assert found.word == ("replicated" if inside else "differs" if outside else "inconclusive"), found
        words.add(found.word)
    assert len(words) == 3


def test_student_quantiles_keep_the_shape_of_the_degrees() -> None:
    found = student_quantile(0.975, np.array([[1.0, 4.0], [0.0, 1.0]]))
    assert found[0].tolist() == pytest.approx([12.7062, 2.77645], abs=1e-4)
    assert found[1, 0] == math.inf


def test_no_reference_and_not_run_carry_no_numbers() -> None:
    assert (no_reference("why").word, no_reference("why").reason, no_reference("why").share) == (
        "no reference",
        "why",
        None,
    )
    assert not_run().word == "not run"
