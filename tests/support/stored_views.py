"""What `embed` leaves in a run's folder, made up from a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from replication.report.views.evaluation_views import Stretch, write_screens, write_stretch

ACTIONS = (0, 1, 3, 4)
"""No-op, fire, right, left."""


def add_views(folder: Path, *, policies: bool = True) -> None:
    """Screens, a second policy and a stretch for a folder that has embedding.csv; equal folders get equal files."""
    stream = np.random.default_rng(0)
    points = pd.read_csv(folder / "embedding.csv")
    screens = [_screen(number) for number in range(len(points))]
    write_screens(folder, screens, points[["x", "y"]].to_numpy(np.float64))
    if policies:
        other = points.sample(frac=0.5, random_state=0).assign(policy="random", x=lambda table: table["x"] + 0.5)
        both = pd.concat([points.assign(policy="agent"), other])
        both[["policy", "x", "y", "value", "episode", "frame"]].to_csv(folder / "embedding_policies.csv", index=False)
    steps = 120
    frames = 400 + 4 * np.arange(steps)
    values = np.cumsum(stream.normal(0, 0.05, (steps, len(ACTIONS))), axis=0).astype(np.float32) + 3
    stacks = np.zeros((steps, 84, 84, 4), dtype=np.uint8)
    taken = np.array(ACTIONS)[values.argmax(axis=1)]
    scores = np.repeat([10.0, 30.0], steps // 2)
    write_stretch(folder, Stretch(2, frames, scores, taken, stacks, screens[:1] * steps), values, ACTIONS)


def _screen(number: int) -> np.ndarray:
    """A screen of its own color, with a bar."""
    screen = np.full((210, 160), 2 * (number % 128), dtype=np.uint8)
    screen[100:120, number % 140 : number % 140 + 20] = 14
    return screen
