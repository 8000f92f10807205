"""Published numbers, each with its origin: the tables of this package, and the scores papers print game by game.

Where a number comes from and how it was checked is written in SOURCES.md beside this file. A number known only from
memory is marked `memory` in the files and is kept out of what is returned unless it is asked for by name.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, cast

import pandas as pd

from replication.foundation.errors import ReplicationError, unknown_name
from replication.foundation.files import listed
from replication.published.schemas import CURVES, CURVES_BY_STEP, SCORES, TABLES, Origin, ReferenceSetName, Start
from replication.published.tables import in_words, read_table
from replication.specification.tasks.atari_games import ATARI57, NATURE49

PUBLISHED: Final = Path(__file__).resolve().parent
"""The folder of the published numbers."""

_GAME_SETS: Final = {"nature49": NATURE49, "atari57": ATARI57}
_SCHEMAS: Final = {"curves": CURVES, "curves_by_step": CURVES_BY_STEP}
"""Of the files in a folder of that name; each other table has its own."""
_COUNTED_GAMES: Final = re.compile(r"([1-9][0-9]{0,2}) games")
_NATURE_CAP_FRAMES: Final = 18_000


@dataclass(frozen=True)
class PublishedScore:
    """One score of one paper. None or empty text: the source does not say, or it could not be read.

    Attributes:
        game: ROM id.
        algorithm: as the source names it.
        score: return, undiscounted and raw, in the game's own points.
        std: standard deviation, of what the recipe says (`find_recipe`).
        frames_millions: emulator frames of training, in millions.
        start: how episodes begin; `sticky` also says that actions stick with probability 0.25.
        cap_frames: emulator frames after which an episode is cut.
        reference_set: the random and human scores that belong to this protocol; None: unknown.
        source: the files and documents the number was read from.
        confirmed: how many independent transcriptions agree.
        origin: transcribed, derived (computed from published data), or memory (confirmed by nothing).
        note: what else must be known.
        source_name: the CSV it stands in.
        runs: of training that it is the mean of, where the file has a column of it; None: its recipe says.
    """

    game: str
    algorithm: str
    score: float
    std: float | None
    frames_millions: float | None
    start: Start | None
    cap_frames: int | None
    reference_set: ReferenceSetName | None
    source: str
    confirmed: str
    origin: Origin
    note: str
    source_name: str
    runs: int | None = None


def published_table(name: str, *, memory: bool = False, folder: Path = PUBLISHED) -> pd.DataFrame:
    """Read one table of this package, whole; its columns are described in SOURCES.md.

    Args:
        name: the file's name without its suffix, for example `nature_2015_table2`.
        memory: whether to return rows that are known only from memory too.
        folder: where the files lie.

    Raises:
        ReplicationError: no such table, or the file is damaged.
    """
    curves, by_step = published_curves(folder), published_curves_by_step(folder)
    if name not in {*TABLES, *curves, *by_step}:
        raise unknown_name("published table", name, (*TABLES, *curves, *by_step))
    if name in TABLES:
        path, kind = folder / TABLES[name][0], name
    else:
        kind = "curves" if name in curves else "curves_by_step"
        path = folder / kind / f"{name}.csv.gz"
    table = _whole_table(path, _content(path), kind).copy()
    if "origin" not in table or memory:
        return table
    return table[table["origin"] != "memory"].reset_index(drop=True)


def published_sources(folder: Path = PUBLISHED) -> tuple[str, ...]:
    """List the files of per-game scores by name, in alphabetical order: one a paper and kind of start."""
    return tuple(sorted(path.stem for path in listed(folder / "scores", "*.csv")))


def published_curves(folder: Path = PUBLISHED) -> tuple[str, ...]:
    """List the files of learning curves by name, in alphabetical order: one a source."""
    return tuple(sorted(path.name.removesuffix(".csv.gz") for path in listed(folder / "curves", "*.csv.gz")))


def published_curves_by_step(folder: Path = PUBLISHED) -> tuple[str, ...]:
    """List the files of learning curves of continuous control by name, in alphabetical order: one a source."""
    return tuple(sorted(path.name.removesuffix(".csv.gz") for path in listed(folder / "curves_by_step", "*.csv.gz")))


def published_scores(source: str, *, memory: bool = False, folder: Path = PUBLISHED) -> tuple[PublishedScore, ...]:
    """List all scores of one source, in the order of its file.

    Args:
        source: a name of `published_sources`, for example `bellemare2017_c51`.
        memory: whether to return rows that are known only from memory too.
        folder: where the files lie.

    Raises:
        ReplicationError: no such source, or its file is damaged.
    """
    if source not in published_sources(folder):
        raise unknown_name("published source", source, published_sources(folder))
    path = folder / "scores" / f"{source}.csv"
    scores = _all_scores(path, _content(path), source)
    return tuple(score for score in scores if memory or score.origin != "memory")


def find_published(source: str, game: str, algorithm: str, *, folder: Path = PUBLISHED) -> PublishedScore:
    """Find the score that one source prints for one game and algorithm.

    Raises:
        ReplicationError: there is none, or it is known only from memory.
    """
    scores = published_scores(source, memory=True, folder=folder)
    algorithms = {score.algorithm for score in scores}
    if algorithm not in algorithms:
        raise unknown_name(f"algorithm in {source}", algorithm, algorithms)
    found = next((score for score in scores if (score.game, score.algorithm) == (game, algorithm)), None)
    if found is None:
        raise ReplicationError(f"{source}: {algorithm}: no score for {game!r}; leave it out, or name another source")
    if found.origin == "memory":
        raise ReplicationError(f"{source}: {algorithm}: {game}: known only from memory, so it is not a published score")
    return found


def _content(path: Path) -> bytes:
    """Read what a file holds; nothing where it cannot be read, which the reader of the table says."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


@lru_cache(maxsize=16)
def _whole_table(path: Path, content: bytes, kind: str) -> pd.DataFrame:
    """Read and check a table once as long as the file holds this content: displays ask for it game by game."""
    return read_table(path, _SCHEMAS.get(kind) or TABLES[kind][1])


@lru_cache(maxsize=64)
def _all_scores(path: Path, content: bytes, source: str) -> tuple[PublishedScore, ...]:
    """Read and check every score of a file once as long as it holds this content."""
    table = read_table(path, SCORES)
    _check_scores(path, table)
    return tuple(_score(record, source) for record in table.to_dict("records"))


def _score(record: dict[Any, Any], source_name: str) -> PublishedScore:
    def known(name: str) -> float | None:
        value = float(record[name])
        return None if math.isnan(value) else value

    cap_frames = known("cap_frames")
    return PublishedScore(
        game=record["game"],
        algorithm=record["algorithm"],
        score=float(record["score"]),
        std=known("std"),
        frames_millions=known("frames_millions"),
        start=cast("Start | None", record["start"] or None),
        cap_frames=None if cap_frames is None else int(cap_frames),
        reference_set=cast("ReferenceSetName | None", record["reference_set"] or None),
        source=record["source"],
        confirmed=record["confirmed"],
        origin=cast("Origin", record["origin"]),
        note=record["note"],
        source_name=source_name,
    )


def _check_scores(path: Path, table: pd.DataFrame) -> None:
    """Check that each algorithm has the games its `game_set` says, and that no row mixes two protocols."""
    for algorithm, rows in table.groupby("algorithm", sort=False):
        stated = list(dict.fromkeys(rows["game_set"]))
        counted = _COUNTED_GAMES.fullmatch(stated[0])
        if len(stated) > 1 or not (counted or stated[0] in _GAME_SETS):
            raise ReplicationError(
                f"{path}: {in_words([str(algorithm)])}: game_set: found {in_words(stated)}, expected one of nature49, "
                "atari57 or 'N games' for the whole algorithm"
            )
        games = set(rows["game"])
        expected = int(counted[1]) if counted else len(_GAME_SETS[stated[0]])
        wrong = sorted(games ^ set(_GAME_SETS[stated[0]])) if not counted else []
        if wrong or len(games) != expected:
            kind = "missing" if wrong and wrong[0] not in games else "surplus"
            which = f" ({kind}: {wrong[0]})" if wrong else ""
            whose = in_words([str(algorithm)])
            raise ReplicationError(f"{path}: {whose}: game: found {len(games)} games{which}, expected {stated[0]}")
    for line, row in enumerate(table.itertuples(), start=2):
        found = str(row.reference_set)
        five_minutes, human_starts = row.cap_frames == _NATURE_CAP_FRAMES, row.start == "human_starts"
        agrees = (found == "nature49_5min") == five_minutes and (found == "atari57_human_starts") == human_starts
        if found and not agrees:
            raise ReplicationError(
                f"{path}: row {line}: reference_set: found {found} with cap_frames {row.cap_frames:g} and start "
                f"{row.start}, expected the set of that protocol"
            )
