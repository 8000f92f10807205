"""The columns of verdicts that tables have in common: the data of a verdict, and how they are printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from replication.analysis.judged_cells import JudgedCell
from replication.analysis.verdict_conventions import MARGIN_SHARE, REPLICATED_ERROR, Family
from replication.analysis.verdict_rule import Verdict
from replication.report.tables.columns import PrintedColumn, interval, is_missing, number, text

BETWEEN_NAMES = "; "
"""Stands between the names of a list in one cell: names have commas."""

RULE_TEXT = (
    f"Share: what ours learned above the floor, by what the published agent learned: 1 is the published agent, 0 the "
    f"floor. `replicated`: the share lies between {1 - MARGIN_SHARE:.0%} and {1 + MARGIN_SHARE:.0%}, by two one-sided "
    f"tests at {REPLICATED_ERROR:.0%} over the whole table; `differs`: outside of it; `inconclusive`: neither is "
    "shown; `uninformative`: the published agent itself is not clearly above the floor. Intervals are those of the "
    "tests, if our seeds scatter as the published ones do. Difference: ours minus published, in points; margin: a "
    "quarter of what the published agent learned. `replicated`: the interval of the difference lies within the margin."
)
"""What a caption says of the rule."""


def _share_interval(_: float, low: float, high: float) -> str:
    return "not finite" if is_missing(low) else f"{low:z,.2f} to {high:z,.2f}"


def _difference_interval(_: float, low: float, high: float) -> str:
    return "not finite" if is_missing(low) else f"{low:+z,.1f} to {high:+z,.1f}"


DIFFERENCE = (
    number("difference", digits=1, signed=True, missing=""),
    PrintedColumn("its interval", ("difference", "judged_low", "judged_high"), _difference_interval),
    PrintedColumn("margin", ("margin",), lambda margin: f"± {margin:,.1f}", "none"),
)
"""What a verdict of scores rests on, in points."""
SHARE = (
    number("share", digits=2, missing=""),
    PrintedColumn("interval of the share", ("share", "share_low", "share_high"), _share_interval),
)
VERDICT = text("verdict")
REASON = text("reason")
WRONG_AGENTS = (text("would have passed"), text("not ruled out"))
SEVERITY = (
    *WRONG_AGENTS,
    interval("word stays, times the stand-in", "stand_in_factor", digits=2, missing=""),
)


def verdict_data(verdict: Verdict, family: Family) -> dict[str, Any]:
    """Return the data of a verdict by column; shares and differences are those of raw scores, where it has them."""
    return {
        "share": verdict.share,
        "share_low": verdict.share_low,
        "share_high": verdict.share_high,
        "share_low_wide": verdict.share_low_wide,
        "share_high_wide": verdict.share_high_wide,
        "difference": verdict.difference,
        "difference_low": verdict.difference_low,
        "difference_high": verdict.difference_high,
        "verdict": verdict.word,
        "reason": verdict.reason,
        "more_seeds_can_decide": verdict.more_seeds_can_decide,
        "comparisons": family.comparisons,
        "error_shared_over": family.size,
        "stand_in": verdict.stand_in,
    }


def verdict_cells(one: JudgedCell, family: Family) -> dict[str, Any]:
    """Return the data of a judged cell by column."""
    low, high = one.stand_in_factors or (None, None)
    return (
        verdict_data(one.verdict, family)
        | one.difference.by_column()
        | {
            "seeds_judged": one.look.seeds,
            "look": one.look.in_words,
            "stand_in_factor_low": low,
            "stand_in_factor_high": high,
            **severity_data(one.would_have_passed, one.not_ruled_out, one.tried),
        }
    )


def severity_data(would_have_passed: Sequence[str], not_ruled_out: Sequence[str], tried: int) -> dict[str, Any]:
    """Return by column the wrong agents that were tried in the published one's place."""
    return {
        "wrong_agents_tried": tried,
        "would_have_passed": BETWEEN_NAMES.join(would_have_passed),
        "not_ruled_out": BETWEEN_NAMES.join(not_ruled_out),
    }
