"""Severity: which other agents our runs would have passed for, and which they do not rule out.

Each rival takes the published agent's place. *Would have passed*: our runs would be `replicated` beside it. *Not ruled
out*: our mean lies within the half width H(0.975, 1) of its mean. The first list alone would hide the rivals that are
neither: too near to be ruled out, too uncertain to be passed.

Source of the idea: Mayo and Spanos 2006, Severe testing as a basic concept in a Neyman-Pearson philosophy of induction,
    British Journal for the Philosophy of Science 57.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from replication.analysis.verdict_conventions import RIVAL_LEVEL, Family
from replication.analysis.verdict_rule import Comparison, Runs, judge


@dataclass(frozen=True)
class Rival:
    """Another agent of the same source, task and budget, or random play, in the published agent's place.

    published, floor_error, stand_in_variance: as of a `Comparison`, above the same floor.
    """

    name: str
    published: Runs
    floor_error: float
    stand_in_variance: float | None


@dataclass(frozen=True)
class Severity:
    """Names of rivals, each list in their order; `not_tried`: those of unknown spread."""

    would_have_passed: tuple[str, ...]
    not_ruled_out: tuple[str, ...]
    not_tried: tuple[str, ...]


def severity(ours: Runs, rivals: Sequence[Rival], family: Family) -> Severity:
    """Put each rival in the published agent's place.

    Args:
        ours: our runs, mean above the floor.
        rivals: without the published agent itself.
        family: of the table, as for the verdict.
    """
    passed, not_ruled_out, not_tried = [], [], []
    for rival in rivals:
        beside = Comparison(ours, rival.published, rival.floor_error, rival.stand_in_variance)
        if not beside.has_spread:
            not_tried.append(rival.name)
            continue
        if judge(beside, family).word == "replicated":
            passed.append(rival.name)
        if abs(ours.mean - rival.published.mean) <= beside.half_width(RIVAL_LEVEL, 1.0):
            not_ruled_out.append(rival.name)
    return Severity(tuple(passed), tuple(not_ruled_out), tuple(not_tried))
