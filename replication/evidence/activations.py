"""Activations of a network in states of its final evaluation, from which t-SNE makes Nature's Figure 4.

The activations are a product of the run and lie in its state; the coordinates are small and lie with its results.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from replication.evidence.trace_file import Trace
from replication.foundation.errors import ReplicationError
from replication.foundation.files import write_atomically

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


class Activations(NamedTuple):
    """A network's activations in states of an evaluation.

    hidden: float32 [points, units], last hidden layer after its ReLU. values: float32 [points], largest action value.
    episodes: int64 [points], the first is 0. frames: int64 [points], emulator frames into it, after the no-ops.
    """

    hidden: NDArray[np.float32]
    values: NDArray[np.float32]
    episodes: NDArray[np.int64]
    frames: NDArray[np.int64]


def store_activations(path: Path, found: Activations) -> None:
    """Write what `read_activations` reads, at the place that `activations_path` names."""
    content = io.BytesIO()
    np.savez(content, **found._asdict())
    write_atomically(path, content.getvalue())


def read_activations(path: Path) -> Activations:
    """Read what `store_activations` wrote.

    Raises:
        ReplicationError: the activations are missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            return Activations(*(stored[name] for name in Activations._fields))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ReplicationError(f"{path}: no activations to embed ({error}); train the run here again") from None


def moments_of_steps(trace: Trace, steps: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the episode and the frame of states of an evaluation.

    Args:
        trace: of the evaluation.
        steps: agent steps since its beginning, int64 [states].

    Returns: the episode of each, and emulator frames into it after the no-ops; int64 [states] both.
    """
    skip = trace.header.frame_skip
    ends = np.cumsum([-(-episode.scored_frames // skip) for episode in trace.episodes])
    episodes = np.searchsorted(ends, steps, side="right")
    return episodes, (steps - np.concatenate([[0], ends])[episodes]) * skip
