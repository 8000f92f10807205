"""One off-policy run in training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from replication.evidence.scores import CurvePoint, EpisodeRecord
from replication.foundation.errors import ReplicationError
from replication.specification.run import Run
from replication.training.contract import EvaluatedPoint
from replication.training.off_policy.checkpoint_files import (
    Stored,
    count_evaluations,
    decode,
    encode,
    names_of,
    part_of,
)
from replication.training.off_policy.lane_contract import AnyLane
from replication.training.off_policy.learner import Learner
from replication.training.replay.transitions import Transitions


@dataclass
class Trainee:
    """A lane with its learner, and the results of its periodic evaluations.

    `training.contract.Trainee` says what its members mean to the session.
    """

    lane: AnyLane
    learner: Learner
    curve: list[CurvePoint] = field(default_factory=list)
    best: dict[str, Tensor] | None = None
    """Parameters of the online network at the highest periodic evaluation so far."""
    evaluated: EvaluatedPoint | None = None
    """The latest periodic evaluation, until it is taken."""
    seconds: float = 0.0
    failure: str | None = None
    _new_chapters: dict[str, bytes] = field(default_factory=dict)

    @property
    def run(self) -> Run:
        return self.lane.run

    @property
    def step(self) -> int:
        return self.lane.step

    @property
    def progress(self) -> int:
        return self.step * self.run.protocol.training.frame_skip

    @property
    def progress_end(self) -> int:
        return self.run.training_frames

    @property
    def active(self) -> bool:
        """True while the run has steps left to train."""
        return self.failure is None and not self.lane.done

    @property
    def recent_return(self) -> float | None:
        return self.lane.recent_return

    def finished_episodes(self, first: int) -> Sequence[EpisodeRecord]:
        return self.lane.finished_episodes(first)

    def take_evaluation(self) -> EvaluatedPoint | None:
        taken, self.evaluated = self.evaluated, None
        return taken

    def defect(self) -> str | None:
        return None if self.learner.is_finite() else f"a parameter is not a finite number at step {self.step:,}"

    @property
    def checkpoint_names(self) -> frozenset[str]:
        return names_of(self.run)

    def checkpoint_files(self) -> dict[str, bytes]:
        tensors = dict(self.learner.tensors())
        tensors |= {f"best.{name}": tensor for name, tensor in (self.best or {}).items()}
        if self.lane.held_out is not None:
            arrays = {name: array for name, array in self.lane.held_out._asdict().items() if array.size}
            tensors |= {f"held_out.{name}": torch.from_numpy(array) for name, array in arrays.items()}
        past = self.lane.past()
        self._new_chapters |= past.new_chapters
        return encode(Stored(past, self.seconds, tuple(self.curve), tensors))

    def state_files(self) -> dict[str, bytes]:
        taken, self._new_chapters = self._new_chapters, {}
        return taken

    def is_stored_in(self, files: Mapping[str, bytes], folder: Path) -> bool:
        # Else it was stored within the evaluation that was due at this step, and has ended since.
        return count_evaluations(files, folder) == len(self.curve)

    def read_checkpoint(self, files: Mapping[str, bytes], folder: Path) -> Stored:
        return decode(files, folder, self.lane, self.learner)

    def restore(self, stored: Stored, folder: Path, check: Callable[[], object]) -> None:
        learner = self.learner
        with torch.no_grad():
            for name, tensor in learner.tensors().items():
                tensor.copy_(stored.tensors[name])
        best = part_of("best", stored.tensors)
        self.best = {name: tensor.to(learner.device) for name, tensor in best.items()} or None
        held_out = {name: tensor.numpy() for name, tensor in part_of("held_out", stored.tensors).items()}
        self.lane.held_out = Transitions(**held_out) if held_out else None
        self.seconds = stored.seconds
        self.curve = list(stored.curve)
        try:
            self.lane.restore(stored.past, check)
        except ReplicationError as error:
            raise ReplicationError(f"{folder}: {error}") from None
