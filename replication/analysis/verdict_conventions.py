"""The conventions of a verdict, all of them, and how the comparisons of a table and its looks share the error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

MARGIN_SHARE = 0.25
"""How far from 1 a share may lie and still be called replicated."""
REPLICATED_ERROR = 0.05
"""Of each of the two one-sided tests of `replicated`, over a table and its looks."""
DIFFERS_ERROR = 0.025
"""Of `differs` on either side, over a table and its looks."""
INFORMATIVE_LEVEL = 0.975
"""At which a published agent must lie above its floor; of the source, so the number of comparisons does not count."""
RIVAL_LEVEL = 0.975
"""At which another agent is ruled out on either side; each rival by itself."""
TWO_POINT_ERROR = 0.025
"""Of Fisher's exact test of shares above a level, over a table; two-sided."""
NOTHING_LEARNED_ERROR = 0.05
"""Of the two-sided test of an agent that learns nothing, over a table, and of the test of the whole table."""
LENT_DEGREES = 4
"""Degrees of freedom that published runs lend to our variance, at most."""
STAND_IN_DEGREES = 2
"""Degrees of freedom of a variance that stands in for one that was not published."""
ONE_RUN_COMPARISONS = 10
"""One run says `differs` in tables of at most so many comparisons."""


@dataclass(frozen=True)
class Family:
    """The comparisons that share an error: those of a table, at every look that was planned.

    comparisons: judged; rows without reference and uninformative rows do not count. look_factor: see `look_factor`.
    """

    comparisons: int
    look_factor: float = 1.0

    @property
    def size(self) -> float:
        """M, by which the error of one comparison is divided; at least 1."""
        return max(1, self.comparisons) * self.look_factor

    @property
    def replicated_level(self) -> float:
        """Level of each one-sided test of `replicated`, and of the narrower interval."""
        return 1.0 - REPLICATED_ERROR / self.size

    @property
    def differs_level(self) -> float:
        """Level of each one-sided test of `differs`, and of the wider interval."""
        return 1.0 - DIFFERS_ERROR / self.size


_LOOK_FACTORS = {
    (1, 2): 2.0,
    (1, 3): 2.0,
    (1, 2, 3): 2.0,
    (2, 3, 5): 2.0,
    (3, 5, 10): 2.0,
    (1, 2, 3, 5): 2.5,
    (1, 2, 3, 5, 10): 3.0,
}


def look_factor(plan: Sequence[int]) -> float:
    """Return by how much a plan of looks multiplies the comparisons: the errors of all looks together keep their bound.

    Looks share most of their seeds, so fewer than one comparison a look is enough. Found by simulation.

    Args:
        plan: seeds of a cell at each look, rising; empty or one look: 1.

    Raises:
        ValueError: the counts do not rise, or are below 1.
    """
    looks = tuple(plan)
    if any(seeds < 1 for seeds in looks) or any(a >= b for a, b in pairwise(looks)):
        raise ValueError(f"found looks at {list(looks)} seeds, expected counts of at least 1 that rise")
    return 1.0 if len(looks) < 2 else _LOOK_FACTORS.get(looks, 1.0 + len(looks) / 2)
