"""One run of the family in training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from replication.algorithms.off_policy_continuous.contract import load_algorithm
from replication.evidence.scores import CurvePoint, EpisodeRecord
from replication.foundation.errors import ReplicationError
from replication.specification.families.off_policy_continuous import OffPolicyContinuousConfig
from replication.specification.run import Run
from replication.training.contract import EvaluatedPoint
from replication.training.off_policy_continuous.checkpoint_files import NAMES, Stored, decode, encode
from replication.training.off_policy_continuous.lane import Lane
from replication.training.off_policy_continuous.learner import Learner
from replication.training.off_policy_continuous.parts import AnyLane, AnyLearner


@dataclass
class Trainee:
    """A lane with its learner, and the results of its periodic evaluations.

    `training.contract.Trainee` says what its members mean to the session.
    """

    lane: AnyLane
    learner: AnyLearner
    curve: list[CurvePoint] = field(default_factory=list)
    evaluated: EvaluatedPoint | None = None
    """The latest periodic evaluation, until it is taken."""
    seconds: float = 0.0
    failure: str | None = None

    @property
    def run(self) -> Run:
        return self.lane.run

    @property
    def step(self) -> int:
        return self.lane.step

    @property
    def progress(self) -> int:
        return len(self.lane.episodes) if self.run.budget.episodes else self.step

    @property
    def progress_end(self) -> int:
        return self.run.budget.episodes or self.run.budget.steps

    @property
    def active(self) -> bool:
        """True while the run has steps, updates or an evaluation left."""
        return self.failure is None and (not self.lane.done or self.owes_evaluation)

    @property
    def owes_evaluation(self) -> bool:
        """True where an evaluation is due before the next step: after the updates that fall on this one.

        One is due every `period_steps`, and at step 0 where the protocol says so.
        """
        periodic = self.run.protocol.periodic_evaluation
        if periodic is None or self.lane.updates_owed or self.step % periodic.period_steps:
            return False
        evaluated = bool(self.curve) and self.curve[-1].step == self.step
        return not evaluated and (self.step > 0 or periodic.at_start)

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
        return NAMES

    def checkpoint_files(self) -> dict[str, bytes]:
        return encode(self.lane, self.learner, self.curve, self.seconds)

    def state_files(self) -> dict[str, bytes]:
        return {}

    def is_stored_in(self, files: Mapping[str, bytes], folder: Path) -> bool:
        # Else it was stored before the updates or the evaluation that fall on this step.
        stored, now = decode(files, folder, self.lane, self.learner), (self.lane.updates_owed, len(self.curve))
        return (stored.lane["updates_owed"], len(stored.curve)) == now

    def read_checkpoint(self, files: Mapping[str, bytes], folder: Path) -> Stored:
        return decode(files, folder, self.lane, self.learner)

    def restore(self, stored: Stored, folder: Path, check: Callable[[], object]) -> None:
        check()
        tensors = self.learner.tensors()
        for name, tensor in tensors.items():
            tensor.copy_(stored.tensors[name])
        self.learner.updates = stored.updates
        self.lane.replay.restore(stored.tensors["replay"], stored.added)
        self.seconds, self.curve = stored.seconds, list(stored.curve)
        try:
            self.lane.restore(stored.lane, list(stored.episodes))
        except ReplicationError as error:
            raise ReplicationError(f"{folder}: {error}") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise ReplicationError(
                f"{folder}/lane.json: cannot be continued ({reason}); it comes from another version of the simulator "
                "or of this program: remove the folder to train from the start"
            ) from None


def new_trainee(run: Run) -> Trainee:
    """Open the task of a run, and build its networks."""
    lane = Lane(run, run.settings_as(OffPolicyContinuousConfig))
    algorithm = load_algorithm(run.variant.module)
    return Trainee(lane, Learner(algorithm, lane.config, lane.observation_size, lane.chosen_from, lane.streams))
