"""Published learning curves to draw behind a run that is still training: mean and spread of the published runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from replication.foundation.errors import ReplicationError
from replication.published.curves import training_curve
from replication.published.curves_by_step import step_curve
from replication.published.judges import find_judge
from replication.published.loader import PUBLISHED
from replication.specification.experiments import PublishedSource
from replication.specification.tasks.task import Task


@dataclass(frozen=True)
class PublishedBand:
    """A published curve.

    Attributes:
        title: its source, agent, and what the band is.
        at: where its points are, in emulator frames or in agent steps, ascending.
        mean: of the published runs there, raw score.
        low: lower end of the band; the mean where no spread was published.
        high: upper end of the band.
    """

    title: str
    at: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def published_band(
    published: PublishedSource, variant: str, task: Task, protocol: str, folder: Path = PUBLISHED
) -> PublishedBand | None:
    """Find the published curve of an agent on a task.

    Args:
        published: names the source, and which variant is which agent of it.
        variant: whose counterpart is sought.
        task: that both play.
        protocol: of our run; a source of another has nothing to put beside it.
        folder: where the published files lie.

    Returns: the curve by frames, where the source is one of games, else by steps; None where there is none.
    Raises:
        ReplicationError: no such source, or a damaged file.
    """
    judge, agent = find_judge(published.source, folder), published.agents.get(variant)
    if agent is None or protocol not in (judge.protocol, *judge.other_protocols):
        return None
    try:
        if judge.layout == "curves":
            return _by_frames(judge.name, task, agent, judge.title, folder)
        if judge.layout == "curves by step":
            return _by_steps(judge.name, task, agent, judge.title, folder)
    except ReplicationError:  # the source has other tasks or agents
        return None
    return None


def _by_frames(source: str, task: Task, agent: str, title: str, folder: Path) -> PublishedBand:
    curve = training_curve(source, task.name, agent, folder)
    rows = [{name: float(row[name]) for name in _COLUMNS} for row in curve.to_dict("records")]
    spans = [_span(row["score_mean"], row["score_std"], row["score_min"], row["score_max"]) for row in rows]
    return PublishedBand(
        f"{title}, {agent}",
        tuple(1e6 * row["frames_millions"] for row in rows),
        tuple(row["score_mean"] for row in rows),
        tuple(low for low, _ in spans),
        tuple(high for _, high in spans),
    )


_COLUMNS = ("frames_millions", "score_mean", "score_std", "score_min", "score_max")


def _by_steps(source: str, task: Task, agent: str, title: str, folder: Path) -> PublishedBand:
    curve = step_curve(source, task.published_key, agent, folder)
    spans = [
        _span(
            point.mean,
            math.nan if point.deviation is None else point.deviation,
            min(point.scores, default=math.nan),
            max(point.scores, default=math.nan),
        )
        for point in curve
    ]
    return PublishedBand(
        f"{title}, {agent}",
        tuple(float(point.step) for point in curve),
        tuple(point.mean for point in curve),
        tuple(low for low, _ in spans),
        tuple(high for _, high in spans),
    )


def _span(mean: float, deviation: float, low: float, high: float) -> tuple[float, float]:
    """Return the least and the greatest run; where they are not known, a standard deviation to both sides, or none."""
    if not math.isnan(low) and not math.isnan(high):
        return low, high
    return (mean, mean) if math.isnan(deviation) else (mean - deviation, mean + deviation)
