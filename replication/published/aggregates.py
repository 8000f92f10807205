"""Published medians and means over games, computed again from the per-game tables that are shipped.

What is printed was computed from numbers with more digits than the tables print. So a printed aggregate is reproduced
when it lies between the least and the greatest that the rounding of scores, references and of itself allows.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from replication.published.layouts import scores_by_game
from replication.published.loader import PUBLISHED, published_table
from replication.published.references import ReferenceSet, reference_set
from replication.published.schemas import CONVENTIONS, Convention
from replication.specification.tasks.atari_games import ATARI57, NATURE49

_PINBALL: Final = "video_pinball"
_STATISTICS: Final[dict[str, Callable[[Iterable[float]], float]]] = {
    "median": statistics.median,
    "mean": statistics.fmean,
}


@dataclass(frozen=True)
class PublishedAggregate:
    """One printed median or mean over games, in percent, and what the shipped scores give.

    Attributes:
        paper: as aggregates.csv names it.
        algorithm: as the paper names it.
        start: how episodes begin.
        statistic: median or mean.
        percent: as printed.
        scores: game to raw score, of every game it is made from.
        convention: how those scores are normalized for it, including what no paper states.
        recomputed: from `scores`, by `convention`.
        low: the least that rounding allows to be printed; `high`: the greatest.
        note: why it is not reproduced, or what else must be known.
        source: file and algorithm of the per-game scores.
        origin: `derived`, or `memory` where the scores do not confirm what was remembered.
    """

    paper: str
    algorithm: str
    start: str
    statistic: str
    percent: float
    scores: Mapping[str, float]
    convention: Convention
    recomputed: float
    low: float
    high: float
    note: str
    source: tuple[str, str]
    origin: str

    @property
    def reproduced(self) -> bool:
        """True where the printed number follows from the per-game table, within rounding."""
        return self.low <= self.percent <= self.high


def published_aggregates(*, memory: bool = False, folder: Path = PUBLISHED) -> tuple[PublishedAggregate, ...]:
    """List every published median and mean, in the order of aggregates.csv.

    Args:
        memory: whether to return those too that the per-game scores do not confirm.
        folder: where the files lie.

    Raises:
        ReplicationError: a file is damaged.
    """
    return tuple(one for one in _all(folder) if memory or one.origin != "memory")


def conventional_score(score: float, game: str, convention: Convention, references: ReferenceSet) -> float:
    """Normalize a score by a paper's own convention, in percent, for its aggregates alone.

    Video Pinball's random score is taken as 0 in the papers from dueling networks to QR-DQN, and Double DQN and
    prioritized replay divide by |human - random| with human starts, for human is below random in Video Pinball there.
    No paper states either; they were found as what reproduces what is printed. Medians with no-op starts need neither.
    """
    random = _random(game, convention, references)
    gap = references.human[game] - random
    return 100.0 * (score - random) / (abs(gap) if convention.absolute_gap else gap)


@cache
def _all(folder: Path) -> tuple[PublishedAggregate, ...]:
    """Read the whole file, once a process."""
    rows = published_table("aggregates", memory=True, folder=folder).to_dict("records")
    return tuple(found for row in rows for found in _of_row(row, folder))


def _of_row(row: Mapping[Any, Any], folder: Path) -> list[PublishedAggregate]:
    convention = CONVENTIONS[row["convention_used"]]
    references = reference_set(convention.references, folder)
    games = NATURE49 if row["games"] == len(NATURE49) else ATARI57
    scores = {
        score.game: score.score
        for score in scores_by_game(row["scores_file"], folder)
        if score.algorithm == row["scores_algorithm"] and score.game in games
    }
    percents = {game: conventional_score(score, game, convention, references) for game, score in scores.items()}
    bounds = _bounds(scores, convention, references)
    found = []
    for name, statistic in _STATISTICS.items():
        printed = float(row[f"published_{name}_percent"])
        if math.isnan(printed):
            continue
        slack = half_unit([printed])
        found.append(
            PublishedAggregate(
                paper=row["paper"],
                algorithm=row["algorithm"],
                start=row["start"],
                statistic=name,
                percent=printed,
                scores=scores,
                convention=convention,
                recomputed=statistic(percents.values()),
                low=statistic([low for low, _ in bounds]) - slack,
                high=statistic([high for _, high in bounds]) + slack,
                note=row["note"],
                source=(row["scores_file"], row["scores_algorithm"]),
                origin=row["origin"],
            )
        )
    return found


def _bounds(scores: Mapping[str, float], convention: Convention, references: ReferenceSet) -> list[tuple[float, float]]:
    """Compute the least and greatest normalized score of each game; a printed number is off by half a unit at most."""
    halves = [
        half_unit(numbers) for numbers in (scores.values(), references.random.values(), references.human.values())
    ]
    bounds = []
    for game, score in scores.items():
        random, human = _random(game, convention, references), references.human[game]
        exact = convention.pinball_random_zero and game == _PINBALL
        percents = []
        for signs in itertools.product((-1, 0, 1), repeat=3):
            off = [sign * half for sign, half in zip(signs, halves, strict=True)]
            at = random if exact else random + off[1]
            gap = human + off[2] - at
            percents.append(100.0 * (score + off[0] - at) / (abs(gap) if convention.absolute_gap else gap))
        bounds.append((min(percents), max(percents)))
    return bounds


def _random(game: str, convention: Convention, references: ReferenceSet) -> float:
    return 0.0 if convention.pinball_random_zero and game == _PINBALL else references.random[game]


def half_unit(numbers: Iterable[float]) -> float:
    """Return half a unit of the last digit that a column prints, by the number of it that prints the most."""
    digits = max(len(repr(float(number)).split(".")[1].rstrip("0")) for number in numbers)
    return 0.5 * 10.0**-digits
