"""The errors of the rule, by simulation: what it promises, what it reaches, and what breaks it.

Expected figures, per cent, are those of an independent simulation of the same rule with 40,000 draws.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from replication.analysis.share_tests import Truths, quantities_of
from replication.analysis.simulated_verdicts import (
    JudgedSides,
    Scatter,
    draw_comparisons,
    draw_runs,
    draw_standard,
    simulate_tables,
)
from replication.analysis.verdict_conventions import Family, look_factor

DRAWS = 20_000
EXPECTED_DRAWS = 40_000
SEEDS = (1, 2, 3, 5)
SPREADS = (0.02, 0.05, 0.1, 0.2)
WIDE_SPREADS = (0.02, 0.03, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3, 0.4)


def tolerance(percent: float, draws: int = DRAWS) -> float:
    """Return four standard errors of the difference of two simulated shares, and what rounding takes; per cent."""
    share = min(max(percent / 100.0, 0.005), 0.995)
    return 0.5 + 400.0 * math.sqrt(share * (1.0 - share) * (1.0 / draws + 1.0 / EXPECTED_DRAWS))


def words(
    share: float, spread: float, seeds: int, runs: int | None, comparisons: int, scatter: Scatter | None = None
) -> tuple[float, float]:
    """Return how often `replicated` and `differs` are said, per cent."""
    (found,) = draw_comparisons(
        np.random.default_rng([seeds, runs or 0, comparisons]),
        np.full(DRAWS, spread),
        shares=[share],
        seeds=seeds,
        published_runs=runs,
        scatter=scatter or Scatter(),
    )
    _, replicated, differs = found.words(Family(comparisons))
    return 100.0 * float(replicated.mean()), 100.0 * float(differs.mean())


def worst_errors(
    seeds: int, runs: int | None, comparisons: int, scatter: Scatter, *, proportional: bool = False
) -> tuple[float, float]:
    """Return the most frequent false `replicated` and false `differs` of one comparison, per cent.

    proportional: the spread of our runs goes with their mean.
    """
    false_replicated, false_differs = 0.0, 0.0
    for share, spread in product((0.75, 1.25), WIDE_SPREADS):
        ours = scatter.ours_factor * (share if proportional else 1.0)
        law = Scatter(ours, scatter.skewness, scatter.never_learns)
        replicated, differs = words(share, spread, seeds, runs, comparisons, law)
        false_replicated, false_differs = max(false_replicated, replicated), max(false_differs, differs)
    return false_replicated, false_differs


@pytest.mark.parametrize("skewness", [4.0, -4.0, 1.0])
def test_skewed_deviations_have_mean_0_deviation_1_and_their_skewness(skewness: float) -> None:
    found = draw_standard(np.random.default_rng(1), (2_000_000,), Scatter(skewness=skewness))
    assert found.mean() == pytest.approx(0.0, abs=0.01)
    assert found.std() == pytest.approx(1.0, abs=0.02)
    # The tail that makes a skewness of 4 is seldom drawn, so the sample's own is a rough guide.
    assert stats.skew(found) == pytest.approx(skewness, rel=0.15)


def test_runs_that_never_learn_end_at_the_floor() -> None:
    drawn = draw_runs(np.random.default_rng(1), (1_000, 200), Scatter(never_learns=0.1))
    assert drawn.learned is not None and drawn.learned.mean() == pytest.approx(0.9, abs=0.01)
    mean, _ = drawn.scores(1.0, np.zeros(1_000))
    assert mean.mean() == pytest.approx(0.9, abs=0.01)


def test_one_run_has_no_variance_and_a_wider_one_its_factor() -> None:
    drawn = draw_runs(np.random.default_rng(1), (5, 1), Scatter())
    assert drawn.scores(1.0, np.ones(5))[1] is None
    drawn = draw_runs(np.random.default_rng(1), (20_000, 3), Scatter())
    mean, variance = drawn.scores(0.5, np.full(20_000, 0.2))
    assert mean.mean() == pytest.approx(0.5, abs=0.01)
    assert variance is not None and variance.mean() == pytest.approx(0.04, rel=0.03)


def test_a_table_counts_words_and_tables_with_a_false_one() -> None:
    sides = JudgedSides(np.array([0.01, 0.01, 0.5]), (5, None, 5))
    shares = (1.0, 0.75, 0.0)
    same, edge, floor = simulate_tables(sides, Family(3), seeds=2, shares=shares, tables=400, scatter=Scatter())
    # Two of the three have a small spread: found the same nearly always. The third is not decided.
    assert same.replicated == pytest.approx(2 / 3, abs=0.05)
    assert floor.differs == pytest.approx(2 / 3, abs=0.07)
    assert same.uninformative == floor.uninformative < 0.5
    # No error is possible where the truth is what was said.
    assert same.any_false_replicated is None and floor.any_false_differs is None
    assert edge.any_false_replicated is not None and edge.any_false_differs is not None
    assert edge.replicated <= edge.any_false_replicated < 0.06 and edge.any_false_replicated > 0.0


REACHED = {
    (1, 5): ((100, 100, 100, 100), (95, 100, 100, 100), (31, 62, 78, 90), (2, 6, 10, 19)),
    (1, 3): ((100, 100, 100, 100), (75, 94, 97, 98), (22, 39, 49, 59), (4, 5, 6, 9)),
    (1, 10): ((100, 100, 100, 100), (98, 100, 100, 100), (29, 76, 92, 98), (0, 5, 14, 36)),
    (1, None): ((100, 100, 100, 100), (56, 71, 76, 77), (14, 18, 21, 25), (2, 2, 2, 3)),
    # The other simulation has 0 for the last of them; 400,000 draws here have 0.73.
    (10, 5): ((100, 100, 100, 100), (39, 78, 91, 96), (3, 10, 17, 30), (0, 0, 0, 1)),
    (49, 5): ((92, 100, 100, 100), (11, 36, 54, 69), (1, 2, 4, 7), (0, 0, 0, 0)),
}
"""By comparisons and published runs, spread and seeds: `replicated` where the agents are the same, per cent."""


@pytest.mark.slow
@pytest.mark.parametrize(("comparisons", "runs"), REACHED)
def test_replicated_is_reached_as_often_as_expected(comparisons: int, runs: int | None) -> None:
    for spread, expected in zip(SPREADS, REACHED[comparisons, runs], strict=True):
        for seeds, percent in zip(SEEDS, expected, strict=True):
            found, differs = words(1.0, spread, seeds, runs, comparisons)
            assert found == pytest.approx(percent, abs=tolerance(percent)), (spread, seeds)
            assert differs < 1.0  # false here


BY_SHARE = {
    0.05: ((94, 0), (29, 0), (5, 2), (0, 85), (0, 100), (0, 100)),
    0.1: ((46, 0), (13, 1), (5, 2), (0, 33), (0, 71), (0, 100)),
    0.2: ((5, 0), (3, 1), (2, 2), (0, 12), (0, 25), (0, 96)),
}
"""By spread and true share (0.9, 0.8, 0.75, 0.6, 0.5, 0): `replicated` and `differs`, two seeds beside five runs."""


@pytest.mark.slow
@pytest.mark.parametrize("spread", BY_SHARE)
def test_words_follow_the_true_share(spread: float) -> None:
    for share, expected in zip((0.9, 0.8, 0.75, 0.6, 0.5, 0.0), BY_SHARE[spread], strict=True):
        for found, percent in zip(words(share, spread, 2, 5, 1), expected, strict=True):
            assert found == pytest.approx(percent, abs=tolerance(percent)), share


TABLES = 2_000


@pytest.mark.slow
@pytest.mark.parametrize("runs", [None, 3, 5, 10])
@pytest.mark.parametrize("comparisons", [1, 4, 10])
def test_tables_with_a_false_verdict_are_no_more_than_promised(comparisons: int, runs: int | None) -> None:
    """At most 5 % of either; expected were 5.2 and 3.4 at the most, noise of the simulation included."""
    most = 400.0 * math.sqrt(0.05 * 0.95 / TABLES)
    for seeds, spread in product((1, 2, 5, 10), (0.03, 0.08, 0.2)):
        sides = JudgedSides(np.full(comparisons, spread), (runs,) * comparisons)
        for found in simulate_tables(
            sides, Family(comparisons), seeds=seeds, shares=(0.75, 1.0, 1.25), tables=TABLES, scatter=Scatter()
        ):
            assert found.any_false_replicated is None or 100.0 * found.any_false_replicated < 5.0 + most, found
            assert found.any_false_differs is not None and 100.0 * found.any_false_differs < 3.4 + most, found


@pytest.mark.slow
def test_a_table_of_49_keeps_its_promise() -> None:
    """Expected were 6.1 and 2.6 at the most, with an error of that simulation of 0.8."""
    for seeds, spread in product((1, 3), (0.01, 0.03, 0.08)):
        for found in simulate_tables(
            JudgedSides(np.full(49, spread), (5,) * 49),
            Family(49),
            seeds=seeds,
            shares=(0.75, 1.25),
            tables=1_000,
            scatter=Scatter(),
        ):
            assert found.any_false_replicated is not None and found.any_false_differs is not None
            assert found.any_false_replicated < 0.05 + 4 * math.sqrt(0.05 * 0.95 / 1_000)
            assert found.any_false_differs < 0.05
            assert seeds > 1 or found.any_false_differs == 0.0


WIDER = {1.5: ((11, 9, 8, 6), (8, 6, 4, 3)), 2.0: ((17, 13, 10, 8), (14, 9, 7, 5))}
"""By our spread over the published one: false `replicated` and `differs` of 1, 2, 3, 5 seeds beside five runs."""


@pytest.mark.slow
@pytest.mark.parametrize("factor", WIDER)
def test_what_breaks_where_our_seeds_scatter_more(factor: float) -> None:
    for place, seeds in enumerate(SEEDS):
        found = worst_errors(seeds, 5, 1, Scatter(factor))
        for percent, expected in zip(found, (WIDER[factor][0][place], WIDER[factor][1][place]), strict=True):
            assert percent == pytest.approx(expected, abs=tolerance(expected) + 0.5), seeds


@pytest.mark.slow
def test_nothing_breaks_where_our_seeds_scatter_less() -> None:
    for seeds in SEEDS:
        assert max(worst_errors(seeds, 5, 1, Scatter(0.5))) < 5.0


@pytest.mark.slow
def test_what_breaks_with_strong_skew() -> None:
    """The worst of both directions, our spread going with our mean: 13 and 10 with one seed, 8 and 4 with three.

    Of tables of ten with one seed the other simulation has 54 and 43 in a hundred with such an error, this one 42 and
    34: ten comparisons at their worst share and spread, 5.3 and 4.0 each with 100,000 draws.
    """
    for seeds, expected in ((1, (13, 10)), (3, (8, 4))):
        both = [worst_errors(seeds, 5, 1, Scatter(skewness=sign * 4.0), proportional=True) for sign in (1, -1)]
        for place in (0, 1):
            percent = max(errors[place] for errors in both)
            assert percent == pytest.approx(expected[place], abs=tolerance(expected[place]) + 0.5), seeds
    of_ten = [worst_errors(1, 5, 10, Scatter(skewness=sign * 4.0), proportional=True) for sign in (1, -1)]
    for place, percent in ((0, 5.3), (1, 4.0)):
        assert max(errors[place] for errors in of_ten) == pytest.approx(percent, abs=tolerance(percent)), place


@pytest.mark.slow
def test_what_breaks_where_one_run_in_ten_never_learns() -> None:
    """Such runs on both sides: expected were 8.3 false `differs` with one seed and 2.8 with two.

    With five published runs it is 7.0 and 3.7 at the worst spread and share, 5.9 and 1.3 where the agents are the same;
    8.8 and 2.6 with three.
    """
    law = Scatter(never_learns=0.1)
    one, two = (worst_errors(seeds, 5, 1, law)[1] for seeds in (1, 2))
    assert (one, two) == (pytest.approx(7.0, abs=1.0), pytest.approx(3.7, abs=0.8))
    assert words(1.0, 0.05, 1, 5, 1, law)[1] == pytest.approx(10.0 * 0.9**5, abs=tolerance(5.9))


PLANS = ((1, 2), (1, 3), (2, 3, 5), (3, 5, 10), (1, 2, 3, 5), (1, 2, 3, 5, 10))


def looks(
    share: float, spread: float, plan: tuple[int, ...], runs: int, factor: float
) -> tuple[Truths, Truths, list[Truths]]:
    """Return where a plan ends with `replicated`, where with `differs`, and where each look is decided."""
    stream = np.random.default_rng([plan[-1], runs])
    ours = draw_runs(stream, (DRAWS, plan[-1]), Scatter()).deviations * spread + share
    published, variance = draw_runs(stream, (DRAWS, runs), Scatter()).scores(1.0, np.full(DRAWS, spread))
    assert variance is not None
    replicated, differs, decided = (np.zeros(DRAWS, dtype=np.bool_) for _ in range(3))
    at_each = []
    for seeds in plan:
        own = ours[:, :seeds].var(axis=1, ddof=1) if seeds > 1 else None
        found = quantities_of(ours[:, :seeds].mean(axis=1), seeds, own, published, variance, runs, np.zeros(DRAWS))
        _, same, other = found.words(Family(1, factor))
        replicated |= same & ~decided
        differs |= other & ~decided
        decided = replicated | differs
        at_each.append(decided)
    return replicated, differs, at_each


@pytest.mark.parametrize(
    "plan",
    [pytest.param((1, 2, 3), marks=pytest.mark.slow), *(pytest.param(plan, marks=pytest.mark.long) for plan in PLANS)],
)
def test_looks_keep_the_promise_with_their_factor_and_not_without(plan: tuple[int, ...]) -> None:
    """Expected with it: false `replicated` 4.0 to 5.0, false `differs` 2 to 3; without 8 to 12 and 4 to 7."""
    worst = {"with": [0.0, 0.0], "without": [0.0, 0.0]}
    for name, factor in (("with", look_factor(plan)), ("without", 1.0)):
        for share, spread, runs in product((0.75, 1.25), (0.03, 0.08, 0.2), (3, 5, 10)):
            replicated, differs, _ = looks(share, spread, plan, runs, factor)
            for place, said in enumerate((replicated, differs)):
                worst[name][place] = max(worst[name][place], 100.0 * float(said.mean()))
    assert worst["with"][0] < 5.0 + tolerance(5.0) and worst["with"][1] < 3.0 + tolerance(3.0), worst
    assert worst["without"][0] > 6.5 and worst["without"][1] > 3.2, worst


@pytest.mark.slow
def test_a_plan_of_looks_stops_early() -> None:
    """At a spread of 0.08 the plan 1, 2, 3, 5 takes 2.5 seeds on average for 0.90 `replicated`; two fixed have 0.85."""
    plan = (1, 2, 3, 5)
    replicated, _, at_each = looks(1.0, 0.08, plan, 5, look_factor(plan))
    assert replicated.mean() == pytest.approx(0.90, abs=0.02)
    more = [np.ones(DRAWS, dtype=np.bool_), *(~decided for decided in at_each[:-1])]
    taken = sum(step * going for step, going in zip(np.diff([0, *plan]), more, strict=True))
    assert taken.mean() == pytest.approx(2.5, abs=0.1)
    for seeds, expected in ((2, 85), (3, 94)):
        assert words(1.0, 0.08, seeds, 5, 1)[0] == pytest.approx(expected, abs=tolerance(expected))


@pytest.mark.parametrize(("seeds", "expected"), [(5, 9), (10, 17), (30, 35)])
def test_beside_an_uninformative_agent_both_errors_must_count(seeds: int, expected: int) -> None:
    """With our error alone a truly equal agent would be called different in 9, 17 and 35 of 100 such rows.

    Both agents truly lie one deviation of runs above the floor, of which the published runs happen to show too little.
    """
    stream = np.random.default_rng(seeds)
    deviation = np.ones(DRAWS)
    ours, own = draw_runs(stream, (DRAWS, seeds), Scatter()).scores(1.0, deviation)
    published, variance = draw_runs(stream, (DRAWS, 5), Scatter()).scores(1.0, deviation)
    assert variance is not None
    found = quantities_of(ours, seeds, own, published, variance, 5, np.zeros(DRAWS))
    level, rows = Family(1).differs_level, found.uninformative()
    alone, _, _ = found.squares(level)
    assert 100 * (ours - published > np.sqrt(alone))[rows].mean() == pytest.approx(expected, abs=tolerance(expected))
    assert (ours - published > found.half_width(level, 1.0))[rows].mean() < 0.035
