"""One on-policy run in training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from replication.evidence.scores import CurvePoint, EpisodeRecord
from replication.foundation.errors import ReplicationError
from replication.foundation.random_streams import restore_stream
from replication.specification.run import Run
from replication.training.contract import EvaluatedPoint
from replication.training.on_policy.checkpoint_files import Stored, decode, encode, names_of, past_of
from replication.training.on_policy.lane import Lane
from replication.training.on_policy.learner import Learner
from replication.training.on_policy.rollout import RolloutStore


@dataclass
class Trainee:
    """A lane with its learner, the rollout it plays, and the results of its periodic evaluations.

    `training.contract.Trainee` says what its members mean to the session.
    """

    lane: Lane
    learner: Learner
    store: RolloutStore = field(init=False)
    curve: list[CurvePoint] = field(default_factory=list)
    evaluated: EvaluatedPoint | None = None
    """The latest periodic evaluation, until it is taken."""
    seconds: float = 0.0
    failure: str | None = None

    def __post_init__(self) -> None:
        self.store = RolloutStore(self.lane.config.rollout_steps, self.lane.stacks[self.lane.next_to_play])

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
        return self.run.training_frames or self.run.budget.steps

    @property
    def active(self) -> bool:
        """True while the run has a rollout or an evaluation left."""
        return self.failure is None and (not self.lane.done or self.due_evaluation is not None)

    @property
    def due_evaluation(self) -> int | None:
        """The step of the evaluation that is due before the next rollout; None: none is.

        A step within a rollout is evaluated before it: the policy of that step is the one since the last updates. One
        is due every `period_steps`, and at step 0 where the protocol says so.
        """
        periodic = self.run.protocol.periodic_evaluation
        if periodic is None:
            return None
        first = 0 if periodic.at_start else periodic.period_steps
        due = self.curve[-1].step + periodic.period_steps if self.curve else first
        end = self.run.budget.steps
        reached = end if self.lane.done else self.step + self.lane.config.least_rollout_steps - 1
        return due if due <= min(reached, end) else None

    @property
    def recent_return(self) -> float | None:
        return self.lane.recent_return

    def finished_episodes(self, first: int) -> Sequence[EpisodeRecord]:
        return self.lane.episodes[first:]

    def take_evaluation(self) -> EvaluatedPoint | None:
        taken, self.evaluated = self.evaluated, None
        return taken

    def defect(self) -> str | None:
        return None if self.learner.is_finite() else f"a parameter is not a finite number at step {self.step:,}"

    @property
    def checkpoint_names(self) -> frozenset[str]:
        return names_of(self.run)

    def checkpoint_files(self) -> dict[str, bytes]:
        return encode(Stored(past_of(self.lane), tuple(self.curve), self.seconds, dict(self.learner.tensors())))

    def state_files(self) -> dict[str, bytes]:
        return self.lane.log.take_chapters() if self.lane.log else {}

    def is_stored_in(self, files: Mapping[str, bytes], folder: Path) -> bool:
        # Else it was stored before the evaluation that falls on this rollout.
        return len(decode(files, folder, self.lane, self.learner).curve) == len(self.curve)

    def read_checkpoint(self, files: Mapping[str, bytes], folder: Path) -> Stored:
        return decode(files, folder, self.lane, self.learner)

    def restore(self, stored: Stored, folder: Path, check: Callable[[], object]) -> None:
        lane, past = self.lane, stored.past
        with torch.no_grad():
            for name, tensor in self.learner.tensors().items():
                tensor.copy_(stored.tensors[name])
        self.seconds, self.curve = stored.seconds, list(stored.curve)
        try:
            lane.step, lane.episodes = past.step, list(past.episodes)
            for name, stream in lane.streams.items():
                restore_stream(stream, past.streams[name])
            for actor, state in zip(lane.actors, past.actors, strict=True):
                check()
                actor.restore(state)
            if lane.log is not None:
                lane.log.restore(past.training.episodes if past.training else (), past.chapters)
        except ReplicationError as error:
            raise ReplicationError(f"{folder}: {error}") from None
        except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise ReplicationError(
                f"{folder}/actors.json: cannot be continued ({reason}); it comes from another version of the simulator "
                "or of this program: remove the folder to train from the start"
            ) from None
