"""How each published number was made: which episodes, of which network, by which policy, and how they were averaged.

A field that nobody could find says `unknown`; one that is not in what the publication says of its evaluation, which was
read for it, `not stated`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

from replication.foundation.errors import ReplicationError
from replication.published.loader import PUBLISHED, published_table
from replication.published.schemas import EpisodesScored, NetworkScored, OverRuns, ReadFrom, RunStatistic

UNKNOWN: Final = "unknown"
NOT_STATED: Final = "not stated"
IN_ITS_ROWS: Final = "in its rows"
AS_IN_TRAINING: Final = "as in training"
SPREAD_OF_RUNS: Final = "standard deviation of runs"
"""What `spread` says where a printed deviation is that between runs."""
FIELDS: Final = ("episodes", "network", "window", "policy", "statistic", "over_runs", "runs")
"""What must be known of a number for its recipe to be known."""

_EVERY: Final = "every"
_NO_COUNT: Final = (IN_ITS_ROWS, "no training", NOT_STATED, UNKNOWN)
_EPISODES: Final = re.compile(r"([0-9]+) episodes")
_EPSILON: Final = re.compile(r"epsilon ([0-9]+(?:\.[0-9]+)?)")


@dataclass(frozen=True)
class Recipe:
    """How the numbers of an agent were made, as a row of recipes.csv.

    Attributes:
        episodes: those that were scored.
        network: whose episodes they are: `best` by the periodic evaluations, `final`, or `in training`, as it was then.
        window: how many episodes, or which.
        policy: `epsilon E`, E the share of random actions; `sampled`; `as in training`; or in words.
        statistic: from the scored episodes to the number of a run.
        over_runs: from the runs to the number.
        runs: how many, as text: a count, `in its rows` where the table has a column of it, or why there is none.
        spread: what a printed deviation or a drawn band is.
        read_from: where the number was read.
        exactness: how exact it is; `printed`: to the digits that it has.
        known_from: where all this is known from.
    """

    episodes: EpisodesScored
    network: NetworkScored
    window: str
    policy: str
    statistic: RunStatistic
    over_runs: OverRuns
    runs: str
    spread: str = "none"
    read_from: ReadFrom = "data of the authors"
    exactness: str = "printed"
    known_from: str = UNKNOWN

    @property
    def epsilon(self) -> float | None:
        """Share of random actions; None: the policy is another, or not known."""
        found = _EPSILON.fullmatch(self.policy)
        return float(found[1]) if found else None

    @property
    def count(self) -> int | None:
        """Training runs that the number is the mean of; None: not known, not stated, or said in its rows."""
        return int(self.runs) if self.runs.isdigit() else None

    @property
    def num_episodes(self) -> int | None:
        """Whole episodes that the number of a run is the mean of; None: it is of others, or how many is not known."""
        found = _EPISODES.fullmatch(self.window)
        return int(found[1]) if found else None

    @property
    def second_hand(self) -> bool:
        """True where the recipe is known from what others say of the publication."""
        return self.known_from.startswith("second-hand")

    def without(self, word: str) -> tuple[str, ...]:
        """List the fields that say a word: `unknown` or `not stated`."""
        return tuple(name for name in FIELDS if getattr(self, name) == word)


NO_RECIPE: Final = Recipe(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, exactness=UNKNOWN)
"""That of a source without a row."""


def find_recipe(source: str, algorithm: str, folder: Path = PUBLISHED) -> Recipe:
    """Find how the numbers of an agent were made; every field is unknown where recipes.csv has no row of the source.

    Args:
        source: as judges.csv names it.
        algorithm: as the source names it; a row `every` stands for all that have none of their own.
        folder: where the published files lie.

    Raises:
        ReplicationError: recipes.csv is damaged.
    """
    recipes = _all(folder)
    return recipes.get((source, algorithm), recipes.get((source, _EVERY), NO_RECIPE))


def recipe_rows(folder: Path = PUBLISHED) -> tuple[tuple[str, str], ...]:
    """List source and algorithm of every row; the algorithm `every` is all that have no row of their own.

    Raises:
        ReplicationError: recipes.csv is damaged.
    """
    return tuple(_all(folder))


@cache
def _all(folder: Path) -> dict[tuple[str, str], Recipe]:
    """Read the whole file, once a process."""
    table = published_table("recipes", folder=folder).to_dict("records")
    return {
        (row["source"], row["algorithm"]): _recipe(f"{folder / 'recipes.csv'}: row {line}", row)
        for line, row in enumerate(table, start=2)
    }


def _recipe(where: str, row: dict[Any, Any]) -> Recipe:
    runs, policy, over_runs = row["runs"], row["policy"], row["over_runs"]
    if runs not in _NO_COUNT and not (runs.isdigit() and int(runs) > 0):
        raise ReplicationError(f"{where}: runs: found {runs!r}, expected a count or one of {', '.join(_NO_COUNT)}")
    if (over_runs == "one run") != (runs == "1") and runs != IN_ITS_ROWS:
        raise ReplicationError(f"{where}: runs: found {runs!r} with over_runs {over_runs!r}, expected 1 with one run")
    if policy.startswith("epsilon"):
        number = _EPSILON.fullmatch(policy)
        if number is None or not 0.0 <= float(number[1]) <= 1.0 or not math.isfinite(float(number[1])):
            raise ReplicationError(f"{where}: policy: found {policy!r}, expected epsilon and a number from 0 to 1")
    return Recipe(
        episodes=cast("EpisodesScored", row["episodes"]),
        network=cast("NetworkScored", row["network"]),
        window=row["window"],
        policy=policy,
        statistic=cast("RunStatistic", row["statistic"]),
        over_runs=cast("OverRuns", over_runs),
        runs=runs,
        spread=row["spread"],
        read_from=cast("ReadFrom", row["read_from"]),
        exactness=row["exactness"],
        known_from=row["known_from"],
    )
