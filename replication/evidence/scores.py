"""The score of a run, and the rows of the tables that it leaves."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from replication.evidence.trace_file import Episode, Trace
from replication.evidence.traces import AnyTrace, episodes_of
from replication.specification.scored_points import TrainingScore

CURVE_POINTS = 100
"""At which the curve of last training episodes is written, evenly spaced, beside those at which it is judged."""


@dataclass(frozen=True)
class CurvePoint:
    """One periodic evaluation. Empty fields: no episode was completed, or nothing is held out yet."""

    step: int
    score: float | None
    episodes: int
    held_out_value: float | None
    held_out_td_error: float | None
    epsilon: float
    is_best: bool


@dataclass(frozen=True)
class EpisodeRecord:
    """A finished training episode."""

    end_step: int
    raw_return: float
    frames: int
    ending: Literal["terminated", "truncated"]


@dataclass(frozen=True)
class IterationRecord:
    """A finished iteration of training (Dopamine): whole episodes, at least `iteration_steps` long."""

    end_step: int
    steps: int
    episodes: int
    mean_return: float


def score(trace: AnyTrace) -> float:
    """Compute the mean raw return of the episodes played to their end or to the cap; NaN where no episode was.

    Source: google-deepmind/dqn dqn/train_agent.lua:110-142, which drops the unfinished episode (and records 0 where
    none was completed).
    """
    returns = [episode.raw_return for episode in trace.episodes if episode.ending != "unfinished"]
    return float(np.mean(returns)) if returns else math.nan


def score_rows(evaluation: AnyTrace) -> list[dict[str, Any]]:
    """Build the rows of scores.csv from the trace of the final evaluation: the length of games is in frames."""
    return [
        {
            "episode": number,
            "return": episode.raw_return,
            **({"frames": episode.scored_frames} if isinstance(episode, Episode) else {"steps": episode.steps}),
            "ending": episode.ending,
        }
        for number, episode in enumerate(episodes_of(evaluation))
    ]


def training_rows(trace: Trace, *, stores_end_frame: bool) -> list[dict[str, Any]]:
    """Build the rows of training.csv from the trace of the training.

    Args:
        trace: of a training whose lost lives end no trajectory.
        stores_end_frame: whether the last frame of an episode takes an agent step.
    """
    rows, step = [], 0
    for number, episode in enumerate(trace.episodes):
        step += -(-episode.scored_frames // trace.header.frame_skip) + stores_end_frame
        rows.append(
            {
                "episode": number,
                "end_step": step,
                "raw_return": episode.raw_return,
                "frames": episode.scored_frames,
                "ending": episode.ending,
            }
        )
    return rows


def kept_rows(trace: Trace) -> list[dict[str, Any]]:
    """Build the rows of training.csv from a trace of chosen training episodes, each with its place in the training."""
    return [
        {
            "episode": episode.place.finished,
            "end_step": episode.place.end_step,
            "raw_return": episode.raw_return,
            "frames": episode.scored_frames,
            "ending": episode.ending,
        }
        for episode in trace.episodes
        if episode.place is not None
    ]


def curve_points_frames(score: TrainingScore, budget_frames: int) -> tuple[int, ...]:
    """Return the emulator frames of the rows of training_curve.csv: where a run is scored, and evenly in between."""
    evenly = (budget_frames * number // CURVE_POINTS for number in range(1, CURVE_POINTS))
    return tuple(sorted({*evenly, *score.points_frames(budget_frames)}))


def last_episodes_rows(
    episodes: Sequence[Mapping[str, Any]], points_frames: Sequence[int], frame_skip: int, count: int
) -> list[dict[str, Any]]:
    """Build rows of training_curve.csv: the mean return of the last episodes finished at a point or before.

    Args:
        episodes: rows of training.csv, in the order in which they were finished.
        points_frames: emulator frames of training; one before the end of the first episode has no row.
        frame_skip: emulator frames an agent step has.
        count: how many are averaged; fewer where fewer were finished.
    """
    ends = [episode["end_step"] for episode in episodes]
    rows = []
    for frames in points_frames:
        last = bisect_right(ends, frames // frame_skip)
        chosen = episodes[max(0, last - count) : last]
        if chosen:
            rows.append(
                {
                    "frames": frames,
                    "episodes": len(chosen),
                    "first_episode": chosen[0]["episode"],
                    "last_episode": chosen[-1]["episode"],
                    "mean_return": float(np.mean([episode["raw_return"] for episode in chosen])),
                }
            )
    return rows


def iteration_rows(episodes: Sequence[Mapping[str, Any]], least_steps: int) -> list[dict[str, Any]]:
    """Build the rows of iterations.csv: whole episodes until an iteration has its least number of steps."""
    rows: list[dict[str, Any]] = []
    start, returns = 0, []
    for episode in episodes:
        returns.append(episode["raw_return"])
        steps = episode["end_step"] - start
        if steps >= least_steps:
            rows.append(
                {
                    "iteration": len(rows),
                    "end_step": episode["end_step"],
                    "steps": steps,
                    "episodes": len(returns),
                    "mean_return": float(np.mean(returns)),
                }
            )
            start, returns = episode["end_step"], []
    return rows
