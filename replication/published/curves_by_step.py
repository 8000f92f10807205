"""Published learning curves of continuous control, by agent step, with their single runs where these are known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from replication.foundation.errors import ReplicationError, unknown_name
from replication.published.loader import PUBLISHED, published_table
from replication.published.tables import in_words


@dataclass(frozen=True)
class StepPoint:
    """The value of a published curve at one step.

    Attributes:
        step: agent steps of training, counted from the first one, random ones included.
        printed_step: the same point as the source counts.
        scores: of the single runs, raw; empty where only their mean is known.
        mean: over the runs, raw score.
        deviation: sample standard deviation between the runs, raw score; None where it is not known.
        runs: of training.
        statistic: what a run's value is.
        episodes: that it is the mean of; None where it is not known.
        smoothing: over neighboring points; `none`.
    """

    step: int
    printed_step: int
    scores: tuple[float, ...]
    mean: float
    deviation: float | None
    runs: int
    statistic: str
    episodes: int | None
    smoothing: str


def step_tasks(source: str, folder: Path = PUBLISHED) -> set[str]:
    """Return the tasks that a source has curves of, by published key."""
    return {task for task, _ in _all_curves(source, folder)}


def step_agents(source: str, task: str, folder: Path = PUBLISHED) -> list[str]:
    """List the agents whose curves of a task a source has, by name."""
    return sorted(agent for at, agent in _all_curves(source, folder) if at == task)


def step_curve(source: str, task: str, agent: str, folder: Path = PUBLISHED) -> tuple[StepPoint, ...]:
    """Return a published curve, its steps ascending.

    Args:
        source: a file of the folder `curves_by_step`.
        task: by published key: `HalfCheetah`.
        agent: as the source names it.
        folder: where the files lie.

    Raises:
        ReplicationError: no such curve, or the file is damaged.
    """
    curves = _all_curves(source, folder)
    if task not in step_tasks(source, folder):
        raise unknown_name(f"task in {source}", task, step_tasks(source, folder))
    if (task, agent) not in curves:
        raise unknown_name(f"agent in {source}", agent, step_agents(source, task, folder))
    return curves[task, agent]


def step_point(source: str, task: str, agent: str, step: int, folder: Path = PUBLISHED) -> StepPoint:
    """Return the value of a published curve at a step; between two points it has none.

    Raises:
        ReplicationError: no such curve, no point at that step, or the file is damaged.
    """
    curve = step_curve(source, task, agent, folder)
    found = next((point for point in curve if point.step == step), None)
    if found is None:
        near = sorted(sorted(curve, key=lambda point: abs(point.step - step))[:2], key=lambda point: point.step)
        raise ReplicationError(
            f"{source}: {agent}: {task}: found no point at step {step:,}, expected one of its own "
            f"({' and '.join(f'{point.step:,}' for point in near)} are nearest)"
        )
    return found


def two_point_ceiling(task: str, folder: Path = PUBLISHED) -> float | None:
    """Return the highest return of a task whose runs either solve it or do not; None: it is not known as one.

    Args:
        task: by published key.
        folder: where the files lie.
    """
    table = published_table("two_point_tasks", folder=folder)
    found = table[table["task"] == task]
    return None if found.empty else float(found["ceiling"].iloc[0])


@cache
def _all_curves(source: str, folder: Path) -> dict[tuple[str, str], tuple[StepPoint, ...]]:
    """Read the whole file by task and agent, once a process."""
    table = published_table(source, folder=folder).sort_values("step", kind="stable")
    path = folder / "curves_by_step" / f"{source}.csv.gz"
    return {
        (str(task), str(agent)): tuple(_point(row, path) for row in rows.to_dict("records"))
        for (task, agent), rows in table.groupby(["task", "agent"])
    }


def _point(row: dict[Any, Any], path: Path) -> StepPoint:
    place = f"{path}: {row['agent']}: {row['task']}: step {row['step']}"
    try:
        scores = tuple(float(cell) for cell in str(row["runs"]).split())
    except ValueError:
        raise ReplicationError(f"{place}: runs: found {in_words([row['runs']])}, expected numbers") from None
    alone = np.isnan(row["mean"])
    if bool(scores) != bool(alone) or (scores and len(scores) != row["n"]):
        raise ReplicationError(
            f"{place}: runs: found {len(scores)} of n {row['n']}{'' if alone else ' beside a mean'}, expected n, "
            "or their mean alone"
        )
    mean = float(np.mean(scores)) if scores else float(row["mean"])
    deviation = float(np.std(scores, ddof=1)) if len(scores) > 1 else float(row["deviation"])
    return StepPoint(
        int(row["step"]),
        int(row["printed_step"]),
        scores,
        mean,
        None if np.isnan(deviation) else deviation,
        int(row["n"]),
        row["statistic"],
        None if np.isnan(row["episodes"]) else int(row["episodes"]),
        row["smoothing"],
    )
