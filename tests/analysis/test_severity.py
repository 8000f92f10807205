"""Which other agents a verdict rules out, by an example worked to four digits."""

from __future__ import annotations

import pytest

from replication.analysis.severity import Rival, severity
from replication.analysis.verdict_conventions import Family
from replication.analysis.verdict_rule import Comparison, Runs

OURS = Runs(101.0, 1, None)


def rival(name: str, mean: float, variance: float | None = 25.0) -> Rival:
    return Rival(name, Runs(mean, 5 if variance is not None else 1, variance), 0.0, None)


def test_a_rival_is_ruled_out_by_the_half_width_of_its_own_runs() -> None:
    """21 and 11 raw points beside H(0.975, 1) = 15.2072."""
    far, near = rival("far", 80.0), rival("near", 90.0)
    assert Comparison(OURS, far.published, 0.0, None).half_width(0.975, 1.0) == pytest.approx(15.2072, abs=6e-5)
    found = severity(OURS, [far, near], Family(1))
    assert found.not_ruled_out == ("near",)


def test_a_rival_that_would_have_been_replicated_is_named() -> None:
    found = severity(OURS, [rival("same", 100.0), rival("half", 50.0), rival("near", 90.0)], Family(1))
    assert found.would_have_passed == ("same",)
    assert found.not_ruled_out == ("same", "near")
    # In a table of fifty nothing passes so easily, and nobody is ruled out by that.
    long_table = severity(OURS, [rival("same", 100.0), rival("near", 90.0)], Family(50))
    assert long_table.would_have_passed == ()
    assert long_table.not_ruled_out == ("same", "near")


def test_the_floor_in_the_published_agents_place_never_passes() -> None:
    floor = Rival("random play", Runs(0.0, 5, 25.0), 0.0, None)
    for mean in (0.0, 3.0, 101.0):
        found = severity(Runs(mean, 1, None), [floor], Family(1))
        assert found.would_have_passed == ()
        assert (found.not_ruled_out == ("random play",)) == (mean < 100)


def test_a_rival_of_unknown_spread_is_said_not_to_be_tried() -> None:
    found = severity(OURS, [rival("one number", 100.0, None)], Family(1))
    assert (found.would_have_passed, found.not_ruled_out, found.not_tried) == ((), (), ("one number",))
