"""Traces of any kind of task, where what they are of makes no difference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from replication.evidence.step_trace import StepEpisode, StepTrace, read_step_trace, serialise_step_trace
from replication.evidence.trace_file import Episode, Trace, read_trace, serialise_trace
from replication.foundation.errors import ReplicationError
from replication.specification.tasks.atari_games import Game
from replication.specification.tasks.task import Task

AnyTrace = Trace | StepTrace
AnyEpisode = Episode | StepEpisode


def trace_bytes(trace: AnyTrace) -> bytes:
    """Return the bytes of a trace's file."""
    return serialise_trace(trace) if isinstance(trace, Trace) else serialise_step_trace(trace)


def read_trace_of(task: Task, path: Path) -> AnyTrace:
    """Read and check the trace of a run of a task.

    Raises:
        ReplicationError: the file cannot be read, is none of ours, is damaged, or is of another kind of task.
    """
    return read_trace(path) if isinstance(task, Game) else read_step_trace(path)


def read_trace_of_game(path: Path) -> Trace:
    """Read and check the trace of a game, which has screens.

    Raises:
        ReplicationError: as `read_trace_of`; a trace of another kind of task is named as what it is.
    """
    try:
        return read_trace(path)
    except ReplicationError as error:
        try:
            other = read_step_trace(path).header
        except ReplicationError:
            raise error from None
    raise ReplicationError(f"{path}: task: found {other.task} ({other.environment}), expected a game")


def episodes_of(trace: AnyTrace) -> Sequence[AnyEpisode]:
    """Return the episodes of a trace, in order."""
    return trace.episodes


def of_game(trace: AnyTrace) -> Trace:
    """Return the trace of a game as what it is; the kind of its task was checked when the run was named."""
    assert isinstance(trace, Trace), "asked of the trace of a task that is no game"
    return trace
