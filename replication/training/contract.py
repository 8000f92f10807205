"""What a family of algorithms provides so that its runs are trained, stored, evaluated and written as all others are.

The session, checkpoints, final evaluations, playing again and speed know what is here and no family. A family NAME is
a folder of this package: `training/NAME/family.py` is its behavior, `training/NAME/footprint.py` what planning asks
(footprints.py).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from replication.environments.contract import Policy, Viewing
from replication.evidence.run_files import Outcome
from replication.evidence.scores import CurvePoint, EpisodeRecord
from replication.evidence.traces import AnyTrace
from replication.specification.protocols import Presentation
from replication.specification.run import Run
from replication.training.machine.settings import Machine
from replication.training.resumable_play import Play


@dataclass(frozen=True)
class EvaluatedPoint:
    """The outcome of a periodic evaluation."""

    point: CurvePoint
    trace: AnyTrace | None
    """What was played, for families that leave traces."""


class Trainee(Protocol):
    """One run in training."""

    seconds: float
    """Time spent training, over all sessions; counted by the session, kept in checkpoints."""
    failure: str | None
    """Why it cannot go on. Its neighbors do; it gets no more checkpoints."""

    @property
    def run(self) -> Run:
        """The run that is trained."""

    @property
    def step(self) -> int:
        """Agent steps taken, or the unit its family counts budgets in; a checkpoint is named after it."""

    @property
    def progress(self) -> int:
        """How far training is, in the unit that the cohort shows."""

    @property
    def progress_end(self) -> int:
        """How far it is once the budget is spent."""

    @property
    def recent_return(self) -> float | None:
        """Mean return of the last few training episodes, for the progress bar; None before the first has ended."""

    def finished_episodes(self, first: int) -> Sequence[EpisodeRecord]:
        """Return the training episodes that have ended, from number `first` on, for those who look on.

        Only between two turns of training; none where a turn leaves no episode, as in a bundle of seeds.
        """

    def take_evaluation(self) -> EvaluatedPoint | None:
        """Give the periodic evaluation that has ended since this was asked last; None: there was none."""

    def defect(self) -> str | None:
        """Say what is wrong with what was learned; asked before each checkpoint. None: nothing."""

    @property
    def checkpoint_names(self) -> frozenset[str]:
        """Names of the files that every checkpoint of this run has, beside its manifest."""

    def checkpoint_files(self) -> dict[str, bytes]:
        """Return the content of a checkpoint, by name; only between two turns of training."""

    def state_files(self) -> dict[str, bytes]:
        """Give the files that were completed since this was asked last, by name in the state of the run.

        They are for good; asked after `checkpoint_files`, and written before the checkpoint, which may count on them.
        """

    def read_checkpoint(self, files: Mapping[str, bytes], folder: Path) -> Any:
        """Decode the files of a checkpoint, and check all that can be checked without playing.

        Args:
            files: as `checkpoint_files` returned them.
            folder: the checkpoint, for messages.

        Returns: what `restore` takes.
        Raises:
            ReplicationError: it is damaged, and will be set aside.
        """

    def restore(self, stored: Any, folder: Path, check: Callable[[], object]) -> None:
        """Bring the run to where it was stored; what an earlier attempt left in it is overwritten.

        Args:
            stored: of `read_checkpoint`.
            folder: the checkpoint, for messages.
            check: called again and again meanwhile; it may raise.

        Raises:
            ReplicationError: the checkpoint is whole but cannot be continued; it stays where it is.
        """

    def is_stored_in(self, files: Mapping[str, bytes], folder: Path) -> bool:
        """Return whether a checkpoint of the same step holds all of the run, so that none need be written again.

        Raises:
            ReplicationError: it is damaged, and will be set aside.
        """


class Cohort(Protocol):
    """Runs of one variant that train together; a neighbor changes none of a run's numbers."""

    @property
    def trainees(self) -> Sequence[Trainee]:
        """Its runs in training, in the order in which they were given; none where the family does not train."""

    @property
    def progress_unit(self) -> str:
        """What progress is counted in, as people who look on know it: "frames", "episodes"."""

    def train(self, play: Play) -> Iterator[None]:
        """Train those with budget left, one turn after the other; between two turns each can be stored and continued.

        Raises:
            Stopped: by `play`, within a periodic evaluation; each can be stored there too.
        """

    def finish(self, play: Play) -> Iterator[Outcome]:
        """Evaluate each run that has not failed by the protocol; what is yielded is written before the next.

        Raises:
            Stopped: by `play`.
        """


class Network(Protocol):
    """The network of a run, to play with and to be looked into."""

    def policy(self, epsilon: float) -> Policy:
        """Return the policy that takes this share of random actions, and else what the network chooses."""

    def action_values(self, stack: NDArray[np.uint8], stream: np.random.Generator) -> NDArray[np.float32]:
        """Compute the value of each action in a state, float32 [actions]; what it needs is drawn from `stream`."""

    def activations(
        self, states: NDArray[np.uint8], stream: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Compute the last hidden layer and the value of each state, float32 [n, units] and float32 [n]."""


class Family(Protocol):
    """The behavior of a family: the module `training/NAME/family.py`."""

    def open_cohort(self, runs: Sequence[Run], machine: Machine) -> AbstractContextManager[Cohort]:
        """Open runs of one variant at their start, and hold what they need (a device, workers) for the block.

        Raises:
            ReplicationError: too little memory, no such device, settings that are not accepted.
        """

    def player(self, run: Run, network: Path | None) -> tuple[Policy, Viewing | None]:
        """Return the policy that the final evaluation of a run plays, and how it sees a game; for families with traces.

        None where the task is no game: its observations are seen as they are.

        Args:
            run: finished, or of the same settings as a finished one.
            network: file of the network that was evaluated; None where the family does not train.

        Raises:
            ReplicationError: the file cannot be read or is not the network of such a run.
        """

    def viewing(self, run: Run, presentation: Presentation) -> Viewing:
        """Return what a run's agent is shown of a game that is presented like this; for families that play Atari."""

    def open_network(self, run: Run, path: Path) -> Network:
        """Open the network of a run; for families that train one.

        Args:
            run: of the same settings as the one whose network it is.
            path: file of the network that was evaluated, or a checkpoint.

        Raises:
            ReplicationError: it cannot be read or is not the network of such a run.
        """

    def measure_speed(self, run: Run, seconds: float) -> tuple[float, float]:
        """Train and play for about so many seconds each, on one core; nothing is written.

        Only for families that train.

        Returns: agent steps a second in training without its evaluations, and in evaluation.
        """


def load_family(name: str) -> Family:
    """Import the behavior of a family, and what it needs: torch, for most."""
    return cast(Family, importlib.import_module(f"{__package__}.{name}.family"))
