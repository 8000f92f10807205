"""Pictures from a trace of a task of Gymnasium: an episode played again and drawn as an animated WebP, offscreen.

A trace holds where its episodes began and what the simulator was given, so any of them can be seen without weights.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from replication.environments.gymnasium.simulator import GymnasiumSimulator
from replication.evidence.step_trace import StepTrace, read_step_trace
from replication.foundation.errors import ReplicationError
from replication.foundation.files import write_atomically
from replication.report.views.animation import animation
from replication.report.views.evaluation_views import STRETCH_SECONDS, most_rewarding_start
from replication.specification.tasks.gymnasium_tasks import GymnasiumTask
from replication.specification.tasks.registry import find_task

WIDTH, BAND = 320, 24
"""Pixels of a picture: the task's own picture at this width, under a line of words."""
PICTURES_A_SECOND = 15
"""At most."""
_GL, _OFFSCREEN = "MUJOCO_GL", "egl"
"""MuJoCo chooses how to draw when it is imported; this way needs no screen, and with Mesa no graphics card."""


@dataclass(frozen=True)
class Shown:
    """One picture of an episode."""

    step: int
    """Agent steps from the start; the first is 1."""
    score: float
    """Sum of the raw rewards up to here."""
    picture: NDArray[np.uint8]
    """Of the task, uint8 [height, width, 3]."""


def film_steps(path: Path, episode: int, target: Path, first_step: int = 1, last_step: int | None = None) -> Path:
    """Draw an episode of a trace.

    Args:
        path: the trace.
        episode: number of the episode; the first is 0.
        target: the animated WebP to write.
        first_step: where it begins.
        last_step: where it ends; None: with the episode.

    Returns: target.
    Raises:
        ReplicationError: no such episode or steps; a damaged trace; the task cannot be drawn here.
    """
    trace = read_step_trace(path)
    _check_numbers(trace, path, episode, first_step, last_step)
    end = trace.episodes[episode].steps if last_step is None else last_step
    simulator = _drawing_simulator(trace, path)
    pictures = _pictures(trace, path, episode, simulator, range(first_step, end + 1))
    rate = min(PICTURES_A_SECOND, simulator.steps_per_second)
    title = f"{find_task(trace.header.task).title}, {trace.header.variant}, episode {episode}"
    write_atomically(target, animation([_drawn(shown, title) for shown in pictures], round(1000 / rate)))
    return target


def write_step_clip(folder: Path) -> Path:
    """Draw the most rewarding seconds of the best episode of a run's last evaluation, as clip.webp in its folder.

    Returns: the file, which is left alone if it is there.
    Raises:
        ReplicationError: the trace is missing or damaged, or the task cannot be drawn here.
    """
    target, path = folder / "clip.webp", last_evaluation(folder)
    if target.exists():
        return target
    trace = read_step_trace(path)
    best = max(range(len(trace.episodes)), key=lambda number: trace.episodes[number].raw_return)
    simulator = _drawing_simulator(trace, path)
    window = STRETCH_SECONDS * simulator.steps_per_second
    scores = [0.0]
    simulator.reset(trace.episodes[best].start)
    for action in trace.episodes[best].actions:
        scores.append(scores[-1] + simulator.act(action))
    first = most_rewarding_start(np.array(scores[1:]), window) + 1
    return film_steps(path, best, target, first, min(first + window - 1, trace.episodes[best].steps))


def last_evaluation(folder: Path) -> Path:
    """Return the trace of a run's final evaluation, or of the last one during training that its record keeps."""
    during = sorted(folder.glob("evaluation_*.trace"))
    final = folder / "evaluation.trace"
    return during[-1] if during and not final.exists() else final


def _drawing_simulator(trace: StepTrace, path: Path) -> GymnasiumSimulator:
    task = find_task(trace.header.task)
    assert isinstance(task, GymnasiumTask)
    if "mujoco" not in sys.modules:
        os.environ.setdefault(_GL, _OFFSCREEN)
    try:
        simulator = GymnasiumSimulator(task, drawn=True)
        simulator.picture()
    except ReplicationError:
        raise
    except Exception as error:  # of whichever library draws it
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise ReplicationError(
            f"{path}: task {task.name} cannot be drawn here ({reason}); MuJoCo needs a way to draw offscreen: "
            f"install EGL (Debian: libegl1), or OSMesa (libosmesa6) and set {_GL}=osmesa"
        ) from None
    if task.environment_id != simulator.fingerprint["environment_id"] or simulator.actions != trace.header.actions:
        raise ReplicationError(f"{path}: actions: found other ones than those of task {task.name}; fetch it again")
    return simulator


def _check_numbers(trace: StepTrace, path: Path, episode: int, first_step: int, last_step: int | None) -> None:
    if not 0 <= episode < len(trace.episodes):
        raise ReplicationError(f"{path}: episode: found {episode}, expected 0 to {len(trace.episodes) - 1}")
    steps = trace.episodes[episode].steps
    last = steps if last_step is None else last_step
    if not 1 <= first_step <= last <= steps:
        raise ReplicationError(f"{path}: steps: found {first_step} to {last}, expected a part of 1 to {steps}")


def _pictures(
    trace: StepTrace, path: Path, number: int, simulator: GymnasiumSimulator, steps: range
) -> Iterator[Shown]:
    """Yield pictures of these steps, as many a second as are drawn, and of the last of them.

    Raises:
        ReplicationError: played again, the episode ends otherwise than the trace says.
    """
    episode = trace.episodes[number]
    every = max(1, round(simulator.steps_per_second / PICTURES_A_SECOND))
    simulator.reset(episode.start)
    score = 0.0
    for step, action in enumerate(episode.actions, start=1):
        score += simulator.act(action)
        if step in steps and ((step - steps.start) % every == 0 or step == steps[-1]):
            yield Shown(step, score, simulator.picture())
    if simulator.state_digest() != episode.state_digest:
        raise ReplicationError(
            f"{path}: episode {number} (the first is 0): played again it ends in another state; film it where `verify` "
            "passes"
        )


def _drawn(shown: Shown, title: str) -> Image.Image:
    picture = Image.fromarray(shown.picture)
    height = round(picture.height * WIDTH / picture.width)
    drawn = Image.new("RGB", (WIDTH, height + BAND), "black")
    drawn.paste(picture.resize((WIDTH, height), Image.Resampling.BILINEAR), (0, BAND))
    pen, font = ImageDraw.Draw(drawn), ImageFont.load_default(10)
    pen.text((4, 0), title, fill="white", font=font)
    pen.text((4, 12), f"step {shown.step:,}   score {shown.score:,.1f}", fill="white", font=font)
    return drawn
