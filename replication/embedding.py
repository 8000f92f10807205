"""t-SNE of what a network makes of the states it meets (Nature's Figure 4): two coordinates a state.

The activations are a product of the run and lie in its state; the coordinates are small and lie with its results.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from replication.errors import ReplicationError
from replication.files import write_atomically
from replication.results import csv_bytes
from replication.runs import Run

POINTS = 1_500
"""States an embedding shows, evenly spaced over the final evaluation; at least half as many where it is long enough."""

PERPLEXITY = 30
SEED = 0


class StateSample:
    """Evenly spaced states of a long series: every k-th, where k doubles whenever too many are held."""

    def __init__(self, most: int) -> None:
        self.states: list[NDArray[np.uint8]] = []
        self.steps: list[int] = []
        self._most = most
        self._seen = 0
        self._every = 1

    def see(self, stack: NDArray[np.uint8]) -> None:
        """Take the next state of the series, uint8 [84, 84, stack]."""
        if self._seen % self._every == 0:
            self.states.append(stack.copy())
            self.steps.append(self._seen)
            if len(self.states) > self._most:
                del self.states[1::2], self.steps[1::2]
                self._every *= 2
        self._seen += 1


def activations_path(run: Run, state: Path) -> Path:
    """Where training leaves the activations of its final evaluation."""
    return run.state_folder(state) / f"activations_{run.result_digest[:12]}.npz"


def store_activations(
    path: Path,
    hidden: NDArray[np.float32],
    values: NDArray[np.float32],
    episodes: NDArray[np.int64],
    frames: NDArray[np.int64],
) -> None:
    """Write what `embed` reads.

    Args:
        path: from `activations_path`.
        hidden: float32 [points, units], last hidden layer after its ReLU.
        values: float32 [points], largest action value of each state.
        episodes: int64 [points], episode of the final evaluation.
        frames: int64 [points], emulator frames into it, after the no-ops.
    """
    content = io.BytesIO()
    np.savez(content, hidden=hidden, values=values, episodes=episodes, frames=frames)
    write_atomically(path, content.getvalue())


def embed(run: Run, results: Path, state: Path) -> Path:
    """Compute the coordinates of a finished run and write embedding.csv.

    Returns: the file, which is left alone if it is there.
    Raises:
        ReplicationError: the activations are missing or damaged.
    """
    target = run.results_folder(results) / "embedding.csv"
    if target.exists():
        return target
    path = activations_path(run, state)
    try:
        with np.load(path, allow_pickle=False) as stored:
            hidden, values, episodes, frames = (stored[name] for name in ("hidden", "values", "episodes", "frames"))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ReplicationError(f"{path}: no activations to embed ({error}); train the run here again") from None
    points = coordinates(hidden)
    rows = [
        {"x": f"{x:.4f}", "y": f"{y:.4f}", "value": f"{value:.5g}", "episode": int(episode), "frame": int(frame)}
        for (x, y), value, episode, frame in zip(points, values, episodes, frames, strict=True)
    ]
    write_atomically(target, csv_bytes(rows))
    return target


def coordinates(hidden: NDArray[np.float32]) -> NDArray[np.float64]:
    """t-SNE of activations, float32 [points, units] to float64 [points, 2]; one thread and a fixed seed."""
    from openTSNE import TSNE

    few = max(1.0, (len(hidden) - 1) / 3)
    result = TSNE(perplexity=min(PERPLEXITY, few), random_state=SEED, n_jobs=1, initialization="pca").fit(hidden)
    return np.asarray(result, dtype=np.float64)
