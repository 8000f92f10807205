"""Consecutive seeds whose runs share a record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from replication.foundation.errors import ReplicationError
from replication.specification.families.facts import FamilyFacts

MOST_ROWS = 1_000
"""Seeds of a bundle that have a row of their own; of all others its record has the totals alone."""


@dataclass(frozen=True)
class Seeds:
    """Consecutive seeds whose runs lie in one record."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.last + 1))

    @property
    def count(self) -> int:
        """The number of seeds."""
        return self.last - self.first + 1

    @property
    def has_rows_of_all(self) -> bool:
        """True where each seed has a row of its own in the record."""
        return self.count <= MOST_ROWS


def check_bundle_size(family: FamilyFacts, seeds: Seeds) -> None:
    """Check that a family can keep its evidence of so many seeds in one record.

    Raises:
        ReplicationError: it keeps a policy a seed, of as many seeds as have a row.
    """
    if family.evidence == "policy" and not seeds.has_rows_of_all:
        raise ReplicationError(
            f"seeds {seeds}: family {family.name} keeps a policy a seed, expected at most {MOST_ROWS:,} seeds in a "
            "record; name several ranges"
        )
