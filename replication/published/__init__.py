"""Numbers that papers and their released data print, each with its origin (SOURCES.md): files and their loader."""

from replication.published.curves import dopamine_curve, dqn_zoo_curve
from replication.published.layouts import scores_by_game
from replication.published.loader import (
    PUBLISHED,
    PublishedScore,
    find_published,
    published_scores,
    published_sources,
    published_table,
)
from replication.published.references import ReferenceSet, normalize_published, normalized_score, reference_set
from replication.published.schemas import DOPAMINE_AGENTS, DOPAMINE_GAMES, ReferenceSetName
from replication.published.spreads import between_run_cv, hundred_cv, stand_in_cv

__all__ = [
    "DOPAMINE_AGENTS",
    "DOPAMINE_GAMES",
    "PUBLISHED",
    "PublishedScore",
    "ReferenceSet",
    "ReferenceSetName",
    "between_run_cv",
    "dopamine_curve",
    "dqn_zoo_curve",
    "find_published",
    "hundred_cv",
    "normalize_published",
    "normalized_score",
    "published_scores",
    "published_sources",
    "published_table",
    "reference_set",
    "scores_by_game",
    "stand_in_cv",
]
