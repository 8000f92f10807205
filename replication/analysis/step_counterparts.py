"""The published runs that runs of continuous control are compared with: of the same agent and task, at the same step.

Only like is put beside like: a mean return of one evaluation, neither smoothed nor of training. The floor is the policy
before any training: the source's own at step 0, else ours of the same variant.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from replication.analysis.cells import Cell
from replication.analysis.finished import evaluation_score
from replication.analysis.floors import Floor
from replication.analysis.published_counterparts import Counterpart
from replication.foundation.errors import ReplicationError
from replication.published.curves_by_step import StepPoint, step_agents, step_curve, step_point, two_point_ceiling
from replication.published.judges import Judge, find_judge
from replication.published.loader import PUBLISHED
from replication.specification.experiments import PublishedSource
from replication.specification.run import Run

EVALUATION = "mean return of an evaluation"
"""The quantity, in the files of published curves, that a protocol of periodic evaluations has too."""
UNTRAINED = "the untrained policy"


def find_step_counterpart(published: PublishedSource | None, run: Run, folder: Path = PUBLISHED) -> Counterpart | str:
    """Find the published runs for a run, or say in one sentence why there are none.

    Args:
        published: names the source, and which variant is which agent of it.
        run: whose protocol, task and steps of training they must share.
        folder: where the published files lie.
    """
    if published is None:
        return "the experiment names no published source"
    if run.preset is not None:
        return f"preset {run.preset.preset} departs from the published schedules"
    agent = published.agents.get(run.variant.variant)
    if agent is None:
        return "no published curve is named for this agent"
    judge = find_judge(published.source, folder)
    ours = run.protocol.protocol
    if ours != judge.protocol and not ours == run.variant.protocol in judge.other_protocols:
        return f"the published curves are of protocol {judge.protocol}, not {ours}"
    return _at(judge, agent, run, folder)


def find_step_rivals(published: PublishedSource, run: Run, folder: Path = PUBLISHED) -> list[Counterpart]:
    """Find the source's other agents on the same task that have a value at the same step of the same quantity."""
    judge, own = find_judge(published.source, folder), published.agents.get(run.variant.variant)
    others = [name for name in step_agents(judge.name, run.task.published_key, folder) if name != own]
    found = [_at(judge, name, run, folder) for name in others]
    return [one for one in found if isinstance(one, Counterpart)]


def find_step_floor(
    published: PublishedSource, cell: Cell, cells: Sequence[Cell], folder: Path = PUBLISHED
) -> Floor | None:
    """Find the floor of a cell: the score of the policy before any training.

    Args:
        published: the source that judges it.
        cell: of an agent that trains.
        cells: all of the experiment.
        folder: where the published files lie.

    Returns: the source's own; else that of our runs of the same variant on the task; None where neither is there.
    """
    task, agent = cell.run.task, published.agents[cell.run.variant.variant]
    start = next((point for point in step_curve(published.source, task.published_key, agent, folder)), None)
    if start is not None and start.step == 0:
        error = 0.0 if start.deviation is None else start.deviation / math.sqrt(start.runs)
        name = f"the untrained policies of {find_judge(published.source, folder).short_title}"
        return Floor(start.mean, error, None, name, rival=UNTRAINED)
    alike = [other for other in cells if other.run.task == task and other.run.variant == cell.run.variant]
    runs = {found.run.result_digest: found for other in alike for found in other.finished}
    scores = [score for found in runs.values() if (score := evaluation_score(found, 0)) is not None]
    if not scores:
        return None
    error = float(np.std(scores, ddof=1)) / math.sqrt(len(scores)) if len(scores) > 1 else 0.0
    return Floor(float(np.mean(scores)), error, None, "our own untrained policies", rival=UNTRAINED)


def reference_score(source: str, task: str, folder: Path = PUBLISHED) -> float | None:
    """Return what counts 100 on a task: the mean score of the source's reference agent; None where it has none.

    Args:
        source: of learning curves by step.
        task: by published key.
        folder: where the published files lie.
    """
    judge = find_judge(source, folder)
    if not judge.reference_agent or judge.reference_step is None:
        return None
    try:
        return step_point(source, task, judge.reference_agent, judge.reference_step, folder).mean
    except ReplicationError:
        return None


def scaled_score(score: float, floor: float, reference: float) -> float:
    """Compute 100 (score - floor) / (reference - floor), in percent of what the reference agent learned."""
    return 100.0 * (score - floor) / (reference - floor)


def _at(judge: Judge, agent: str, run: Run, folder: Path) -> Counterpart | str:
    task = run.task.published_key
    try:
        point = step_point(judge.name, task, agent, run.training_steps, folder)
    except ReplicationError as error:
        return str(error)
    if reason := _another_quantity(point):
        return reason
    variance = None if point.deviation is None else point.deviation**2
    ceiling = two_point_ceiling(task, folder)
    return Counterpart(
        agent,
        point.mean,
        point.runs,
        variance,
        None,
        scores=point.scores,
        printed_step=point.printed_step,
        ceiling=ceiling,
    )


def _another_quantity(point: StepPoint) -> str | None:
    """Say how a published value is another quantity than one evaluation's mean return; None: it is the same."""
    if point.statistic != EVALUATION:
        return f"the published value is a {point.statistic}, ours that of an evaluation"
    if point.smoothing != "none":
        return f"the published curve is smoothed ({point.smoothing}), ours is not"
    return None
