"""The score of a run, and the rows of the tables that it leaves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from replication.evidence.trace_file import Episode, Trace
from replication.evidence.traces import AnyTrace, episodes_of

SCORED_TRAINING_EPISODES = 100
"""Whose mean return is a score, where the training episodes are what was published."""


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


def training_score(returns: Sequence[float]) -> float | None:
    """Compute the mean raw return of the last hundred training episodes; None before the first has ended.

    Args: `returns` are of the finished episodes, in the order in which they ended.

    Source: Schulman et al. 2017, Proximal policy optimization algorithms, section 6.2 and Table 6; openai/baselines
    ea25b9e baselines/ppo2/ppo2.py:118,201.
    """
    return float(np.mean(returns[-SCORED_TRAINING_EPISODES:])) if len(returns) else None


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
