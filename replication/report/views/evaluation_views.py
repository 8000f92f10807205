"""Views of a stored evaluation that is played again: screens at chosen moments, and its most rewarding seconds.

They need neither weights nor torch.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ale_py import Action
from numpy.typing import NDArray

from replication.environments.atari.emulator import Emulator
from replication.environments.atari.frames import FramePipeline, push_frame
from replication.environments.atari.presentation import PresentedGame
from replication.environments.contract import Viewing
from replication.evidence.protocol_replay import replay_by_protocol
from replication.evidence.trace_file import Trace
from replication.foundation.errors import ReplicationError
from replication.foundation.files import csv_bytes, write_atomically
from replication.report.views.screens import (
    HEIGHT_PIXELS,
    MARKED,
    MOST_SPRITE_BYTES,
    TILE_COLUMNS,
    WIDTH_PIXELS,
    Screen,
    spread_out,
    sprite,
)
from replication.specification.protocols import Presentation

FRAMES_PER_SECOND = 60
STRETCH_SECONDS = 8
SHOWN_MOMENTS = 4

Moment = tuple[int, int]
"""Episode (the first is 0) and emulator frames into it after the no-ops."""


@dataclass(frozen=True)
class Stretch:
    """Consecutive steps of one episode, as its network saw them."""

    episode: int
    frames: NDArray[np.int64]
    """Emulator frames into the episode, after the no-ops, at the beginning of each step: int64 [steps]."""
    scores: NDArray[np.float64]
    """Return of the episode up to there, float64 [steps]."""
    actions: NDArray[np.int64]
    """Code of the action that the emulator was given first in each step, int64 [steps]."""
    stacks: NDArray[np.uint8]
    """The newest frames, uint8 [steps, 84, 84, stack]."""
    screens: list[Screen]


@dataclass
class _Episode:
    """The best episode as it is played; screens are held compressed, there are thousands."""

    begins: list[bool] = field(default_factory=list)
    """Where a trajectory begins, before which the network sees nothing."""
    frames: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    observations: list[NDArray[np.uint8]] = field(default_factory=list)
    screens: list[bytes] = field(default_factory=list)


def view(
    trace: Trace,
    presentation: Presentation,
    path: Path,
    moments: Sequence[Moment],
    pipeline: FramePipeline,
    viewing: Viewing,
) -> tuple[list[Screen], Stretch]:
    """Play an evaluation again and look at it.

    Args:
        trace: of a final evaluation.
        presentation: the rules it was made by.
        path: names the file in messages.
        moments: whose screens are wanted.
        pipeline: the network's.
        viewing: how many frames a state of the network has, and what stands before the first.

    Returns: the screen at each moment, in order, and the `STRETCH_SECONDS` of the best episode in which it scored most.
    Raises:
        ReplicationError: the trace is not what its protocol gives; it has no such moment.
    """
    best = max(range(len(trace.episodes)), key=lambda number: trace.episodes[number].raw_return)
    wanted = set(moments)
    found: dict[Moment, bytes] = {}
    kept = _Episode()
    screen = np.empty((HEIGHT_PIXELS, WIDTH_PIXELS), dtype=np.uint8)

    def see(number: int, game: PresentedGame, console: Emulator, begins: bool) -> None:
        moment = (number, game.episode_frames)
        if moment not in wanted and number != best:
            return
        console.read_screen(screen)
        packed = zlib.compress(screen.tobytes(), 1)
        if moment in wanted:
            found[moment] = packed
        if number == best:
            kept.begins.append(begins)
            kept.frames.append(game.episode_frames)
            kept.scores.append(game.episode_return)
            kept.observations.append(game.observation.copy())
            kept.screens.append(packed)

    replay_by_protocol(trace, presentation, path, pipeline=pipeline, see=see)
    for episode, frame in moments:
        if (episode, frame) not in found:
            raise ReplicationError(f"{path}: found no state at frame {frame} of episode {episode} (the first is 0)")
    return [_unpacked(found[moment]) for moment in moments], _stretch(trace, best, kept, viewing)


def write_screens(folder: Path, screens: Sequence[Screen], points: NDArray[np.float64]) -> None:
    """Write the screens of the states of an embedding beside it: embedding_screens.webp, .csv, embedding_marked.webp.

    Args:
        folder: of embedding.csv.
        screens: one a state.
        points: their coordinates, float64 [states, 2].
    """
    every = 1
    content = sprite(screens, TILE_COLUMNS, halved=True)
    while len(content) > MOST_SPRITE_BYTES:
        every *= 2
        content = sprite(screens[::every], TILE_COLUMNS, halved=True)
    shown = range(0, len(screens), every)
    marked = [point * every for point in spread_out(points[::every], MARKED)]
    rows = [
        {"point": point, "tile": tile, "marked": marked.index(point) if point in marked else ""}
        for tile, point in enumerate(shown)
    ]
    write_atomically(folder / "embedding_screens.webp", content)
    larger = sprite([screens[point] for point in marked], len(marked), halved=False)
    write_atomically(folder / "embedding_marked.webp", larger)
    write_atomically(folder / "embedding_screens.csv", csv_bytes(rows))


def write_stretch(folder: Path, stretch: Stretch, values: NDArray[np.float32], minimal_actions: Sequence[int]) -> None:
    """Write value_stretch.csv, a step a row, and value_stretch.webp, the screens of the marked steps.

    Args:
        folder: of the run.
        stretch: the steps.
        values: of every action in every step, float32 [steps, actions].
        minimal_actions: codes of the actions.
    """
    marked = mark_moments(values.max(axis=1), stretch.scores)
    rows = []
    for step, (frame, score, code) in enumerate(zip(stretch.frames, stretch.scores, stretch.actions, strict=True)):
        row: dict[str, object] = {"episode": stretch.episode, "frame": int(frame), "score": float(score)}
        row |= {"action": Action(int(code)).name, "marked": marked.index(step) if step in marked else ""}
        named = zip(minimal_actions, values[step], strict=True)
        rows.append(row | {f"value {Action(other).name}": f"{value:.5g}" for other, value in named})
    screens = [stretch.screens[step] for step in marked]
    write_atomically(folder / "value_stretch.webp", sprite(screens, len(screens), halved=False))
    write_atomically(folder / "value_stretch.csv", csv_bytes(rows))


def mark_moments(values: NDArray[np.float32], scores: NDArray[np.float64]) -> list[int]:
    """Choose four steps worth a screen.

    They are those of the highest and the lowest value, before the most points are made, and in the steepest fall. Where
    two of them are less than a tenth of the stretch apart, a step far from the others takes the place of one.

    Args:
        values: largest action value of each step, float32 [steps].
        scores: points made up to each step, float64 [steps].

    Returns: steps, ascending; fewer where there are fewer.
    """
    steps, half_second = len(values), max(1, len(values) // (2 * STRETCH_SECONDS))
    gap = max(1, steps // 10)
    gains, falls = np.diff(scores, append=scores[-1]), values - np.roll(values, -half_second)
    falls[-half_second:] = -np.inf
    wanted = [int(np.argmax(values)), int(np.argmax(gains)), int(np.argmin(values)), int(np.argmax(falls))]
    chosen: list[int] = []
    for step in wanted:
        if all(abs(step - other) >= gap for other in chosen):
            chosen.append(step)
    while len(chosen) < min(SHOWN_MOMENTS, steps):
        nearest = np.abs(np.arange(steps)[:, None] - np.array(chosen)).min(axis=1)
        chosen.append(int(np.argmax(nearest)))
    return sorted(chosen)


def most_rewarding_start(scores: NDArray[np.float64], window: int) -> int:
    """Return where the window with the most points begins, the earliest of equals; 0 where the episode is shorter.

    Args:
        scores: points made up to each moment, float64 [moments].
        window: its length in moments.
    """
    return 0 if len(scores) <= window else int(np.argmax(scores[window:] - scores[:-window]))


def _stretch(trace: Trace, number: int, kept: _Episode, viewing: Viewing) -> Stretch:
    skip, episode = trace.header.frame_skip, trace.episodes[number]
    window = STRETCH_SECONDS * FRAMES_PER_SECOND // skip
    # After the last step there is no state to act in.
    scores = np.array(kept.scores)
    first = most_rewarding_start(scores, window)
    steps = range(first, min(first + window, len(scores) - 1))
    codes = np.repeat(episode.codes, episode.lengths)[episode.scored]
    stack = np.zeros((84, 84, viewing.frame_stack), dtype=np.uint8)
    stacks = []
    for step in range(steps.stop):
        push_frame(stack, kept.observations[step], clear=kept.begins[step], start=viewing.history_start)
        if step >= first:
            stacks.append(stack.copy())
    frames = np.array([kept.frames[step] for step in steps], dtype=np.int64)
    screens = [_unpacked(kept.screens[step]) for step in steps]
    return Stretch(
        number, frames, scores[first : steps.stop], codes[frames].astype(np.int64), np.stack(stacks), screens
    )


def _unpacked(packed: bytes) -> Screen:
    return np.frombuffer(zlib.decompress(packed), dtype=np.uint8).reshape(HEIGHT_PIXELS, WIDTH_PIXELS)
