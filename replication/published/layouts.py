"""Per-game scores from tables with layouts of their own, in the form of all others: ablations, linear, Atari 100k."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from replication.published.loader import PUBLISHED, PublishedScore, published_scores, published_sources, published_table

_NATURE_STATISTIC = "highest average over evaluations, best of 3 learning rates; episodes not cut at 5 minutes"
_FRAMES_A_STEP = 4


def scores_by_game(source: str, folder: Path = PUBLISHED) -> tuple[PublishedScore, ...]:
    """List all scores of a source that prints one for each game, whatever the layout of its file.

    A source of another kind has none.

    Algorithms of the tables are named: `replay on, target network off` and the like; `linear`; and by algorithm and
    version for Atari 100k, as in `DER, as quoted in later papers`.

    Raises:
        ReplicationError: the file is damaged.
    """
    if source in published_sources(folder):
        return published_scores(source, folder=folder)
    if source not in _LAYOUTS:
        return ()
    return tuple(
        score for row in published_table(source, folder=folder).to_dict("records") for score in _LAYOUTS[source](row)
    )


def _ablation(row: dict[Any, Any]) -> list[PublishedScore]:
    name = f"replay {row['replay']}, target network {row['target_network']}"
    return [_nature(row, name, row["score"], "nature_2015_table3_ablation")]


def _linear(row: dict[Any, Any]) -> list[PublishedScore]:
    return [_nature(row, name, row[name], "nature_2015_table4_linear") for name in ("dqn", "linear")]


def _nature(row: dict[Any, Any], algorithm: str, score: float, source: str) -> PublishedScore:
    return PublishedScore(
        game=row["game"],
        algorithm=algorithm,
        score=float(score),
        std=None,
        frames_millions=_FRAMES_A_STEP * float(row["train_steps_millions"]),
        start="noop30",
        cap_frames=None,
        epsilon_eval=None,
        statistic=_NATURE_STATISTIC,
        reference_set="nature49_5min",
        source="Mnih et al. 2015, Extended Data Tables 3 and 4",
        confirmed=row["confirmed"],
        origin="transcribed",
        note="the references are those of episodes cut at 5 minutes: they serve as a scale",
        source_name=source,
    )


def _atari100k(row: dict[Any, Any]) -> list[PublishedScore]:
    spread = float(row["std_over_runs"])
    return [
        PublishedScore(
            game=row["game"],
            algorithm=f"{row['algorithm']}, {row['version']}",
            score=float(row["score"]),
            std=None if math.isnan(spread) else spread,
            frames_millions=0.4,
            start=None,
            cap_frames=108_000,
            epsilon_eval=None,
            statistic="" if math.isnan(spread) else f"mean and standard deviation of {int(row['runs'])} runs",
            reference_set="atari57_30min",
            source=row["source"],
            confirmed=row["confirmed"],
            origin=row["origin"],
            note="",
            source_name="atari100k_scores",
        )
    ]


_LAYOUTS: dict[str, Callable[[dict[Any, Any]], list[PublishedScore]]] = {
    "nature_2015_table3_ablation": _ablation,
    "nature_2015_table4_linear": _linear,
    "atari100k_scores": _atari100k,
}
