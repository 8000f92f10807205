"""Event files for TensorBoard, an extra: the returns of training episodes, periodic evaluations and the speed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from replication.evidence.scores import EpisodeRecord
from replication.foundation.errors import ReplicationError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


def require_tensorboard() -> None:
    """Check, before anything is trained, that event files can be written.

    Raises:
        ReplicationError: the package is not installed.
    """
    if find_spec("tensorboard") is None:
        raise ReplicationError(
            "--tensorboard: the package tensorboard is not installed; `pip install tensorboard` installs it, as does "
            "the extra of that name (pip install '.[tensorboard]' in a checkout)"
        )


class EventFiles:
    """Writes the events of one run, by agent step.

    Args:
        folder: of this run alone. What an earlier session wrote there is taken back, and comes again.
    """

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter  # where nobody asks for events it need not be there

        self._writer: SummaryWriter = SummaryWriter(str(folder), purge_step=0)

    def add_episodes(self, episodes: Sequence[EpisodeRecord]) -> None:
        """Add the return and the length of training episodes."""
        for episode in episodes:
            self._writer.add_scalar("training/return", episode.raw_return, episode.end_step)
            self._writer.add_scalar("training/length", episode.frames, episode.end_step)

    def add_scores(self, scores: Sequence[tuple[int, float]]) -> None:
        """Add the scores of periodic evaluations, each with its agent step."""
        for step, score in scores:
            self._writer.add_scalar("evaluation/score", score, step)

    def add_speed(self, steps_a_second: float, step: int) -> None:
        """Add the speed of late, and write what was added to disk."""
        self._writer.add_scalar("speed/steps_per_second", steps_a_second, step)
        self._writer.flush()

    def close(self) -> None:
        """Write the rest."""
        self._writer.close()
