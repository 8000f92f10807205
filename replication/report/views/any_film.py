"""Films of traces of any kind of task: of games from their screens, of other tasks as they draw themselves."""

from __future__ import annotations

from pathlib import Path

from replication.evidence.step_trace import read_step_trace
from replication.evidence.trace_file import read_trace
from replication.foundation.errors import ReplicationError
from replication.report.views.film import film, write_clip
from replication.report.views.step_film import film_steps, last_evaluation, write_step_clip


def film_of(path: Path, episode: int, target: Path, first: int = 1, last: int | None = None) -> Path:
    """Draw an episode of a trace.

    Args:
        path: the trace.
        episode: number of the episode; the first is 0.
        target: the animated WebP to write.
        first: frame of a game, or step of another task, at which it begins.
        last: at which it ends; None: with the episode.

    Returns: target.
    Raises:
        ReplicationError: no such episode or part of it; a damaged trace; what plays or draws it is not here.
    """
    return (film_steps if _is_of_steps(path) else film)(path, episode, target, first, last)


def write_any_clip(folder: Path) -> Path:
    """Draw the most rewarding seconds of the best episode of a finished run, as clip.webp in its folder.

    Returns: the file, which is left alone if it is there.
    Raises:
        ReplicationError: the trace is missing or damaged; what plays or draws it is not here.
    """
    path = last_evaluation(folder)
    return (write_step_clip if path.exists() and _is_of_steps(path) else write_clip)(folder)


def _is_of_steps(path: Path) -> bool:
    """Return True for a trace of a task that is no game; of a file that is neither, the other reader says what it is.

    Both kinds say of themselves what they are.
    """
    try:
        read_trace(path)
    except ReplicationError:
        try:
            read_step_trace(path)
        except ReplicationError:
            return False
        return True
    return False
