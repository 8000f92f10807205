"""The trace of a series of episodes of a task that is no game: starts and actions, and the file that keeps them.

The file is a container (trace_container.py). Its "header" has the fields of `StepTraceHeader`, each of "episodes" those
of `StepEntry`. Decompressed, the payload is the actions of all episodes in order, as the header's `actions` write them:
a byte each, or float32 little-endian.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from replication.environments.contract import ActionCodec
from replication.evidence.trace_container import (
    Digest,
    Ending,
    RunFields,
    decompressed,
    opened_file,
    read_bytes,
    sealed_file,
)
from replication.foundation.errors import ReplicationError
from replication.foundation.validation import Count, Settings
from replication.specification.tasks.task import Kind

_MOST_BYTES = 2**33
"""Of actions; what a file claims beyond that is not unpacked."""
_LZMA2 = {"preset": 6, "lc": 0, "lp": 2, "pb": 2}
"""Numbers of four bytes, the last of which say little about the next."""


class StepTraceHeader(RunFields):
    """The run that the episodes belong to, and what is needed to play them again."""

    environment: Kind
    task: str
    fingerprint: dict[str, str]
    """What the simulator's steps depend on, beside what it was given."""
    actions: ActionCodec


class StepEntry(Settings):
    """One episode, as the header of a file has it."""

    start: Annotated[int, Field(ge=0, lt=2**63)]
    steps: Count
    raw_return: Annotated[float, Field(allow_inf_nan=False)]
    ending: Ending
    state_digest: Digest


class _Content(Settings):
    """The JSON part of a file."""

    header: StepTraceHeader
    episodes: tuple[StepEntry, ...]


@dataclass(frozen=True, eq=False)
class StepEpisode:
    """Everything a simulator was given in an episode, and what came of it.

    Attributes:
        start: what the simulator was reset with.
        actions: uint8 [steps] or float32 [steps, dimensions].
        raw_return: sum of the raw rewards.
        ending: by the task's own rules at the last step, by the protocol's cap, or left off.
        state_digest: the simulator's, after the last step.
    """

    start: int
    actions: NDArray[Any]
    raw_return: float
    ending: Ending
    state_digest: str

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.actions)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StepEpisode):
            return NotImplemented
        return np.array_equal(self.actions, other.actions) and self._entry() == other._entry()

    def _entry(self) -> StepEntry:
        return StepEntry(
            start=self.start,
            steps=self.steps,
            raw_return=self.raw_return,
            ending=self.ending,
            state_digest=self.state_digest,
        )


@dataclass(frozen=True)
class StepTrace:
    """Episodes of one run. Each can be played again alone: what it begins with is its own."""

    header: StepTraceHeader
    episodes: tuple[StepEpisode, ...]


def read_step_trace(path: Path) -> StepTrace:
    """Read and check a trace.

    Raises:
        ReplicationError: the file cannot be read, is none of ours, or is damaged.
    """
    return parse_step_trace(read_bytes(path), path)


def serialise_step_trace(trace: StepTrace) -> bytes:
    """Return the bytes of a trace's file."""
    content = _Content(header=trace.header, episodes=tuple(episode._entry() for episode in trace.episodes))
    payload = b"".join(trace.header.actions.to_bytes(episode.actions) for episode in trace.episodes)
    return sealed_file(content, payload, _LZMA2)


def parse_step_trace(data: bytes, path: Path) -> StepTrace:
    """Check the bytes of a trace's file, every field of them.

    Args:
        data: the whole file.
        path: names the file in messages.

    Raises:
        ReplicationError: the bytes are no trace of such a task, or a damaged one.
    """
    content, payload = opened_file(_Content, data, path)
    codec = content.header.actions
    expected = codec.bytes_a_step * sum(entry.steps for entry in content.episodes)
    if expected > _MOST_BYTES:
        raise ReplicationError(f"{path}: header: found {expected} bytes of actions, expected at most {_MOST_BYTES}")
    raw = decompressed(payload, expected, path)
    if len(raw) != expected:
        raise ReplicationError(f"{path}: payload: found {len(raw)} bytes, expected {expected} as in its steps")
    try:
        actions = codec.from_bytes(raw)
    except ValueError as error:
        raise ReplicationError(f"{path}: payload: {error}") from None
    episodes, start = [], 0
    for entry in content.episodes:
        part = actions[start : start + entry.steps]
        episodes.append(StepEpisode(entry.start, part, entry.raw_return, entry.ending, entry.state_digest))
        start += entry.steps
    return StepTrace(content.header, tuple(episodes))
