"""The lanes of one variant with their learners, all in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from replication.evidence.run_files import Outcome
from replication.foundation.errors import ReplicationError
from replication.specification.run import Run
from replication.training.machine.settings import Machine
from replication.training.off_policy_continuous.loop import train
from replication.training.off_policy_continuous.outcomes import outcome_of
from replication.training.off_policy_continuous.trainee import Trainee
from replication.training.resumable_play import Play


class ContinuousCohort:
    """The lanes of one variant with their learners, all in this process.

    Args:
        trainees: at least one.
        machine: they are on.
    """

    def __init__(self, trainees: Sequence[Trainee], machine: Machine) -> None:
        self.trainees = trainees
        self._machine = machine

    @property
    def progress_unit(self) -> str:
        """The unit of the budget."""
        return self.trainees[0].run.protocol.budget_unit

    def train(self, play: Play) -> Iterator[None]:
        """Advance every lane by some steps and updates a turn."""
        return train(self.trainees, play)

    def finish(self, play: Play) -> Iterator[Outcome]:
        """Give what each lane leaves, one after the other."""
        for trainee in self.trainees:
            if trainee.failure is None:
                yield outcome_of(trainee, self._machine, play, lanes=len(self.trainees))


def check_device(run: Run, machine: Machine) -> None:
    """Check that a run can train where it is asked to.

    Raises:
        ReplicationError: another device than the CPU.
    """
    if machine.device != "cpu":
        raise ReplicationError(
            f"--device {machine.device}: {run.name}: family {run.family.name} trains on cpu alone; leave --device out"
        )
