"""Normalized scores: 0 is a random agent, 100 a human tester, both under one protocol.

Random and human scores exist in sets that differ in more than half of the games, since they were measured with
other time limits and starts. A score is normalized by the set of its own protocol; there is no way to take the random
score of one set and the human score of another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from replication.foundation.errors import ReplicationError, unknown_name
from replication.published.loader import PUBLISHED, PublishedScore, published_table
from replication.published.schemas import ReferenceSetName


@dataclass(frozen=True)
class ReferenceSet:
    """Scores of a random agent and of a human tester, measured under one protocol.

    Attributes:
        name: as protocols and published scores name it.
        title: what captions print.
        random: game to score.
        random_agent: the source and its agent that `random` are the scores of.
        human: game to score.
        source: where the numbers were printed.
        cap_frames: emulator frames after which its episodes were cut; None: the source does not say.
    """

    name: ReferenceSetName
    title: str
    random: Mapping[str, float]
    random_agent: tuple[str, str]
    human: Mapping[str, float]
    source: str
    cap_frames: int | None


# Name: table, column of the random agent, column of the human tester, title, source, cap of an episode in frames.
_SETS: dict[ReferenceSetName, tuple[str, str, str, str, str, int | None]] = {
    "nature49_5min": (
        "nature_2015_table2",
        "random",
        "human",
        "49 games, 5 minutes an episode",
        "Mnih et al. 2015, Extended Data Table 2",
        18_000,
    ),
    "atari57_30min": (
        "atari57_references",
        "random_noop",
        "human_noop",
        "57 games, 30 minutes an episode, no-op starts",
        "Wang et al. 2016, Table 2; the same in google-deepmind/dqn_zoo dqn_zoo/atari_data.py",
        108_000,
    ),
    "atari57_human_starts": (
        "atari57_references",
        "random_human_starts",
        "human_human_starts",
        "57 games, human starts",
        "Wang et al. 2016, Table 3",
        None,
    ),
}


def reference_set(name: ReferenceSetName | None, folder: Path = PUBLISHED) -> ReferenceSet:
    """Read the random and human scores of one protocol.

    Raises:
        ReplicationError: no such set, or its file is damaged.
    """
    if name not in _SETS:
        raise unknown_name("reference set", str(name), _SETS)
    table_name, random, human, title, source, cap_frames = _SETS[name]
    table = published_table(table_name, folder=folder)

    def by_game(column: str) -> Mapping[str, float]:
        return MappingProxyType(dict(zip(table["game"], table[column].astype(float), strict=True)))

    return ReferenceSet(name, title, by_game(random), (table_name, random), by_game(human), source, cap_frames)


def normalized_score(score: float, game: str, references: ReferenceSet) -> float:
    """Compute 100 (score - random) / (human - random), in percent.

    The denominator keeps its sign: human is below random in Video Pinball with human starts, and nowhere else.

    Source: Mnih et al. 2015, Extended Data Table 2.

    Raises:
        ReplicationError: the set does not have the game.
    """
    if game not in references.random:
        raise ReplicationError(
            f"{game!r} is not among the {len(references.random)} games of the reference set {references.name} "
            f"({references.title}); normalize it by the set of its own protocol"
        )
    random = references.random[game]
    return 100.0 * (score - random) / (references.human[game] - random)


def normalize_published(row: PublishedScore, references: ReferenceSet) -> float:
    """Normalize a published number, in percent.

    Raises:
        ReplicationError: the number was measured under another protocol than the references, or it is not known under
            which, or the set does not have the game.
    """
    if row.reference_set != references.name:
        belongs = (
            f"belongs to {row.reference_set}" if row.reference_set else "is of a protocol its source does not state"
        )
        raise ReplicationError(
            f"{row.source_name}: {row.algorithm}: {row.game}: the score {belongs}, so it is not normalized by "
            f"{references.name} ({references.title})"
        )
    return normalized_score(row.score, row.game, references)
