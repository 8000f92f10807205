"""Per-game scores from tables with layouts of their own, in the form of all others: Nature's, Atari 100k."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from replication.published.judges import Judge, find_judge
from replication.published.loader import PUBLISHED, PublishedScore, published_scores, published_table
from replication.published.schemas import Layout

_FRAMES_A_STEP = 4


@cache
def scores_by_game(source: str, folder: Path = PUBLISHED) -> tuple[PublishedScore, ...]:
    """List all scores of a source that prints one for each game, whatever the layout of its file.

    A source of another kind has none.

    Algorithms of the tables are named: `random` and `dqn`; `replay on, target network off` and the like; `linear`;
    and by algorithm and version for Atari 100k, as in `DER, as quoted in later papers`.

    Raises:
        ReplicationError: judges.csv has no such source, or a file is damaged.
    """
    judge = find_judge(source, folder)
    if judge.layout == "scores":
        return published_scores(source, folder=folder)
    scores_of = _LAYOUTS.get(judge.layout)
    if scores_of is None:
        return ()
    return tuple(
        score for row in published_table(source, folder=folder).to_dict("records") for score in scores_of(row, judge)
    )


def _table2(row: dict[Any, Any], judge: Judge) -> list[PublishedScore]:
    """Return random play and DQN; the printed deviation of DQN is over the episodes of one network, not over runs."""
    return [
        PublishedScore(
            game=row["game"],
            algorithm=algorithm,
            score=float(row[column]),
            std=None,
            frames_millions=frames,
            start="noop30",
            cap_frames=18_000,
            reference_set="nature49_5min",
            source=judge.title,
            confirmed=row["confirmed"],
            origin="transcribed",
            note="",
            source_name=judge.name,
        )
        for algorithm, column, frames in (("random", "random", None), ("dqn", "dqn_mean", judge.frames_millions))
    ]


def _ablation(row: dict[Any, Any], judge: Judge) -> list[PublishedScore]:
    name = f"replay {row['replay']}, target network {row['target_network']}"
    return [_nature(row, name, row["score"], judge)]


def _linear(row: dict[Any, Any], judge: Judge) -> list[PublishedScore]:
    return [_nature(row, name, row[name], judge) for name in ("dqn", "linear")]


def _nature(row: dict[Any, Any], algorithm: str, score: float, judge: Judge) -> PublishedScore:
    return PublishedScore(
        game=row["game"],
        algorithm=algorithm,
        score=float(score),
        std=None,
        frames_millions=_FRAMES_A_STEP * float(row["train_steps_millions"]),
        start="noop30",
        cap_frames=None,
        reference_set="nature49_5min",
        source="Mnih et al. 2015, Extended Data Tables 3 and 4",
        confirmed=row["confirmed"],
        origin="transcribed",
        note="the references are those of episodes cut at 5 minutes: they serve as a scale",
        source_name=judge.name,
    )


def _versions(row: dict[Any, Any], judge: Judge) -> list[PublishedScore]:
    spread, runs = float(row["std_over_runs"]), float(row["runs"])
    return [
        PublishedScore(
            game=row["game"],
            algorithm=f"{row['algorithm']}, {row['version']}",
            score=float(row["score"]),
            std=None if math.isnan(spread) else spread,
            frames_millions=judge.frames_millions,
            start=None,
            cap_frames=108_000,
            reference_set="atari57_30min",
            source=row["source"],
            confirmed=row["confirmed"],
            origin=row["origin"],
            note="",
            source_name=judge.name,
            runs=None if math.isnan(runs) else int(runs),
        )
    ]


_LAYOUTS: dict[Layout, Callable[[dict[Any, Any], Judge], list[PublishedScore]]] = {
    "nature table 2": _table2,
    "nature table 3": _ablation,
    "nature table 4": _linear,
    "agents and versions": _versions,
}
