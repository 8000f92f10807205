"""Pictures from a trace: an episode played again and drawn as an animated WebP, with frame, score and predicted value.

A trace holds what the emulator was given, so any moment of any evaluation can be seen without weights.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from replication.environments.atari.emulator import open_emulator
from replication.environments.atari.palette import palette_rgb
from replication.evidence.trace_file import RESET, Trace
from replication.evidence.trace_replay import check_emulator, verify_trace
from replication.evidence.traces import read_trace_of_game
from replication.foundation.errors import ReplicationError
from replication.foundation.files import write_atomically
from replication.report.views.animation import animation
from replication.report.views.evaluation_views import FRAMES_PER_SECOND, STRETCH_SECONDS, most_rewarding_start
from replication.specification.tasks.atari_games import find_game

SHOWN_EVERY_FRAMES = 4
"""An agent step; 15 pictures a second."""
HEIGHT, WIDTH, BAND = 210, 320, 24
"""Pixels of a picture: the screen at its own height and a television's width, under a line of words."""


@dataclass(frozen=True)
class Shown:
    """One picture of an episode."""

    frame: int
    """Emulator frames from the episode's reset, no-ops included; the first is 1."""
    score: float
    """Sum of the scored raw rewards up to here."""
    screen: NDArray[np.uint8]
    """Palette indices, uint8 [210, 160]."""


def film(path: Path, episode: int, target: Path, first_frame: int = 1, last_frame: int | None = None) -> Path:
    """Draw an episode of a trace.

    Args:
        path: the trace. Where embedding.csv lies beside it, its predicted values are shown.
        episode: number of the episode; the first is 0.
        target: the animated WebP to write.
        first_frame: where it begins.
        last_frame: where it ends; None: with the episode.

    Returns: target.
    Raises:
        ReplicationError: no such episode or frames; a damaged trace, or one of no game; another ROM.
    """
    trace = read_trace_of_game(path)
    _check_numbers(trace, path, episode, first_frame, last_frame)
    shown = [
        picture
        for picture in _pictures(trace, path, episode)
        if picture.frame >= first_frame and (last_frame is None or picture.frame <= last_frame)
    ]
    values = _predicted_values(path.parent / "embedding.csv", trace, episode)
    title = f"{find_game(trace.header.game).title}, {trace.header.variant}, episode {episode}"
    drawn = [_drawn(picture, title, values(picture.frame)) for picture in shown]
    write_atomically(target, animation(drawn, 1000 * SHOWN_EVERY_FRAMES // FRAMES_PER_SECOND))
    return target


def write_clip(folder: Path) -> Path:
    """Draw the most rewarding seconds of the best episode of a finished run, as clip.webp in its folder.

    It is one of the evaluation at its end, or of the training episodes that are kept where none was played.

    Returns: the file, which is left alone if it is there.
    Raises:
        ReplicationError: the trace is missing or damaged.
    """
    target = folder / "clip.webp"
    if target.exists():
        return target
    path = folder / "evaluation.trace"
    if not path.exists() and (folder / "training.trace").exists():
        path = folder / "training.trace"
    trace = read_trace_of_game(path)
    best = max(range(len(trace.episodes)), key=lambda number: trace.episodes[number].raw_return)
    first = _most_rewarding_start(list(_pictures(trace, path, best)))
    return film(path, best, target, first, first + STRETCH_SECONDS * FRAMES_PER_SECOND)


def _most_rewarding_start(shown: list[Shown]) -> int:
    """Return the frame at which the STRETCH_SECONDS with the most points begin; the earliest of equals."""
    window = STRETCH_SECONDS * FRAMES_PER_SECOND // SHOWN_EVERY_FRAMES
    return shown[most_rewarding_start(np.array([picture.score for picture in shown]), window)].frame


def _check_numbers(trace: Trace, path: Path, episode: int, first_frame: int, last_frame: int | None) -> None:
    if not 0 <= episode < len(trace.episodes):
        raise ReplicationError(f"{path}: episode: found {episode}, expected 0 to {len(trace.episodes) - 1}")
    frames = trace.episodes[episode].total_frames
    last = frames if last_frame is None else last_frame
    if not 1 <= first_frame <= last or first_frame > frames:
        raise ReplicationError(f"{path}: frames: found {first_frame} to {last}, expected a part of 1 to {frames}")


def _pictures(trace: Trace, path: Path, number: int) -> Iterator[Shown]:
    """Yield every fourth frame of an episode and its last.

    Earlier episodes are played too, since a console has a memory, but where each began on one just switched on.
    """
    console = open_emulator(trace.header.game)
    check_emulator(trace.header, console, path)
    episode = trace.episodes[number]
    cold = episode.place is not None
    verify_trace(Trace(trace.header, () if cold else trace.episodes[:number]), console, path)
    scored = episode.scored
    screen = np.empty((210, 160), dtype=np.uint8)
    console.reset(cold=cold)
    frame, score = 0, 0.0
    for code, length in zip(episode.codes.tolist(), episode.lengths.tolist(), strict=True):
        if code == RESET:
            console.reset(cold=cold)
        for _ in range(length):
            reward = console.act(code)
            score += reward * bool(scored[frame])
            frame += 1
            if frame % SHOWN_EVERY_FRAMES == 1 or frame == episode.total_frames:
                console.read_screen(screen)
                yield Shown(frame, score, screen.copy())


def _predicted_values(path: Path, trace: Trace, episode: int) -> Callable[[int], float | None]:
    """Return a function from a frame to the newest predicted value of an embedding's state; None before the first."""
    played = np.flatnonzero(trace.episodes[episode].scored)  # frames before each that is scored
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text())))
        known = sorted((int(played[int(r["frame"])]), float(r["value"])) for r in rows if int(r["episode"]) == episode)
    except FileNotFoundError:
        known = []
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise ReplicationError(f"{path}: not an embedding ({error}); remove it to make it again") from None
    frames = [frame for frame, _ in known]

    def newest(frame: int) -> float | None:
        at = int(np.searchsorted(frames, frame, side="right"))
        return known[at - 1][1] if at else None

    return newest


def _drawn(picture: Shown, title: str, value: float | None) -> Image.Image:
    drawn = Image.new("RGB", (WIDTH, HEIGHT + BAND), "black")
    colors = palette_rgb()[picture.screen // 2]
    drawn.paste(Image.fromarray(colors).resize((WIDTH, HEIGHT), Image.Resampling.NEAREST), (0, BAND))
    words = f"frame {picture.frame:,}   score {picture.score:,.0f}" + ("" if value is None else f"   value {value:.2f}")
    pen, font = ImageDraw.Draw(drawn), ImageFont.load_default(10)
    pen.text((4, 0), title, fill="white", font=font)
    pen.text((4, 12), words, fill="white", font=font)
    return drawn
