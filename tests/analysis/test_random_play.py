"""Agents that learn nothing: a game's bootstrap and the test of a table."""

from __future__ import annotations

import math

import numpy as np
import pytest

from replication.analysis import random_play
from replication.analysis.random_play import compare_game, compare_table


def stream() -> np.random.Generator:
    return np.random.default_rng(3)


def episodes(count: int = 300, mean: float = 200.0) -> np.ndarray:
    """Skewed whole numbers, as returns of random play are."""
    return mean + np.floor(np.random.default_rng(1).gamma(2.0, 50.0, count))


def test_z_and_the_detectable_difference_are_those_of_the_formula() -> None:
    """(t(1 - 0.025 / T, 299) + t(0.95, 299)) sqrt(1 / 300 + 1 / 30) = 0.69 for T = 1, 0.95 for 49; 0.82, 1.15 of 60."""
    ours = episodes()
    deviation = ours.std(ddof=1)
    found = compare_game(ours, 300.0, 30, 1, stream())
    assert found.z == pytest.approx((ours.mean() - 300.0) / (deviation * math.sqrt(1 / 300 + 1 / 30)))
    assert (found.mean, found.episodes) == (pytest.approx(ours.mean()), 300)
    for count, comparisons, factor in ((300, 1, 0.69), (300, 49, 0.95), (60, 1, 0.82), (60, 49, 1.15)):
        ours = episodes(count)
        found = compare_game(ours, 300.0, 30, comparisons, stream())
        assert found.detectable / ours.std(ddof=1) == pytest.approx(factor, abs=0.006)


def test_the_published_mean_of_the_same_agent_is_consistent_and_another_differs() -> None:
    ours = episodes()
    same = compare_game(ours, float(ours.mean()) + 5.0, 30, 49, stream())
    assert same.word == "consistent" and same.p > 0.3
    far = compare_game(ours, float(ours.mean()) + 1.3 * float(ours.std()), 30, 49, stream())
    assert far.word == "differs" and far.p < 0.05 / 49 and far.z < 0


@pytest.mark.parametrize("comparisons", [1, 49])
def test_the_interval_leaves_out_0_exactly_where_the_word_is_differs(comparisons: int) -> None:
    episodes = np.random.default_rng(3).poisson(4.0, 300).astype(float)
    words = set()
    for published in np.arange(2.5, 5.6, 0.1):
        found = compare_game(list(episodes), float(published), 30, comparisons, np.random.default_rng(7))
        assert found.interval is not None
        low, high = found.interval
        assert low < found.mean - published < high
        assert (found.word == "differs") == (not low <= 0 <= high)
        words.add(found.word)
    assert words == {"consistent", "differs"}


def test_p_is_two_sided_and_never_zero() -> None:
    ours = episodes()
    for shift in (-500.0, 500.0):
        assert compare_game(ours, float(ours.mean()) + shift, 30, 1, stream()).p == pytest.approx(2 / 20_001)
    assert compare_game(ours, float(ours.mean()), 30, 1, stream()).p <= 1.0


def test_a_comparison_among_many_differs_only_with_a_smaller_p() -> None:
    ours = episodes()
    shifted = float(ours.mean()) - 0.45 * float(ours.std(ddof=1))
    alone, among = (compare_game(ours, shifted, 30, comparisons, stream()) for comparisons in (1, 49))
    assert alone.p == among.p
    assert 0.05 / 49 < alone.p <= 0.05
    assert (alone.word, among.word) == ("differs", "consistent")


@pytest.mark.parametrize(
    ("published", "word"), [(0.0, "consistent"), (0.04, "consistent"), (0.1, "differs"), (-25.0, "differs")]
)
def test_equal_episodes_are_consistent_with_their_own_value_alone(published: float, word: str) -> None:
    found = compare_game([0.0] * 300, published, 30, 49, stream(), rounding=0.05)
    assert (found.word, found.detectable) == (word, 0.05)
    assert compare_table([found]).word == word


def test_one_odd_episode_among_many_does_not_break_the_bootstrap() -> None:
    found = compare_game([0.0] * 299 + [100.0], 0.0, 30, 1, stream())
    assert found.word == "consistent"
    assert not np.isnan(found.null).any()


def test_a_table_sums_squares_that_are_cut_at_25() -> None:
    ours = episodes()
    games = [compare_game(ours, float(ours.mean()) + shift, 30, 3, stream()) for shift in (0.0, 10.0, 1_000.0)]
    found = compare_table(games)
    assert found.statistic == pytest.approx(games[1].z ** 2 + 25.0)
    assert found.word == "differs" and found.p < 0.01 < found.p_lower


def test_the_tests_of_a_table_have_a_null_of_one_a_game() -> None:
    streams = np.random.default_rng(9).spawn(20)
    games = []
    for place, own in enumerate(streams):
        ours = 10.0 * place + own.gamma(2.0, 50.0, 300)
        games.append(compare_game(ours, 10.0 * place + own.gamma(2.0, 50.0, 30).mean(), 30, 20, own))
    found = compare_table(games)
    assert found.null_mean == pytest.approx(20.0, rel=0.1)
    assert found.null_mean < found.null_95 < found.null_99
    assert found.word == "consistent" and found.p + found.p_lower >= 1.0


def test_many_small_differences_are_found_in_the_table_and_in_no_game() -> None:
    streams = np.random.default_rng(9).spawn(25)
    games = []
    for own in streams:
        ours = own.gamma(2.0, 50.0, 300)
        games.append(compare_game(ours, own.gamma(2.0, 50.0, 30).mean() + 0.3 * 70.7, 30, 25, own))
    assert compare_table(games).word == "differs"
    assert sum(game.word == "differs" for game in games) < 10


def test_too_few_episodes_and_an_empty_table_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 2 beside 1 or more"):
        compare_game([1.0], 1.0, 30, 1, stream())
    with pytest.raises(ValueError, match="found no game"):
        compare_table([])


@pytest.mark.long
def test_tables_of_the_same_agent_seldom_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expected of the table's test at 5 % with 300 episodes: 4.5; of a game at 5 % over the table: 5 to 6."""
    monkeypatch.setattr(random_play, "DRAWS", 4_000)  # of which p = 0.05 / 10 is the twentieth
    population = np.random.default_rng(11)
    laws = [
        *(
            [0.0] * 17 + [float(each) for each in population.gamma(1.0, 30.0, 13)] for _ in range(5)
        ),  # most score nothing
        *(population.gamma(2.0, 100.0, 60).tolist() for _ in range(5)),
    ]
    tables, together, any_game = 120, 0, 0
    own = stream()
    for _ in range(tables):
        games = [compare_game(own.choice(law, 300), own.choice(law, 30).mean(), 30, 10, own) for law in laws]
        together += compare_table(games).word == "differs"
        any_game += any(game.word == "differs" for game in games)
    most = 0.06 + 4 * math.sqrt(0.06 * 0.94 / tables)
    assert together / tables < most and any_game / tables < most, (together, any_game)
