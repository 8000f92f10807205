"""What a lane is to the rest of the engine, wherever it lives, and the records of its past.

A lane plays and remembers one run. `Lane` does it in this process, `LaneInWorker` has it done in another. What takes
time comes in two phases, asked for and collected, so that the lanes of all workers are at it at once: `begin_play` and
`end_play`, `begin_batch` and `batch`, and the two turns of an evaluation. `renew_priorities` is asked for alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from replication.evidence.evaluation import Evaluation, EvaluationRequest
from replication.evidence.scores import EpisodeRecord, IterationRecord
from replication.evidence.trace_file import Trace
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.run import Run
from replication.training.replay.priorities import PriorityState
from replication.training.replay.transitions import Transitions


@dataclass(frozen=True)
class Keyframe:
    """Where a lane stood when an episode was about to begin."""

    step: int
    rows_appended: int
    episodes: int
    iterations: int
    iteration_start_step: int
    iteration_first_episode: int
    game: dict[str, Any]
    streams: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Past:
    """A lane's past from a keyframe on: what it is made again from, and where that must lead."""

    step: int
    rows_appended: int
    stack_sha256: str
    streams: dict[str, dict[str, Any]]
    """States of all of TRAINING_STREAMS."""
    episodes: tuple[EpisodeRecord, ...]
    """All of them, not only those since the keyframe; likewise the two below."""
    iterations: tuple[IterationRecord, ...]
    training: Trace | None
    """The finished training episodes, where they are the published quantity."""
    keyframe: Keyframe
    decisions: bytes
    """One byte an agent step since the keyframe."""
    priorities: PriorityState | None
    """Of the transitions, where they are sampled by priority."""


class AnyLane(Protocol):
    """One run: perceives, remembers and plays; the engine chooses its actions and learns from its memory."""

    @property
    def run(self) -> Run:
        """What is trained."""

    @property
    def config(self) -> OffPolicyConfig:
        """The settings of its variant."""

    @property
    def num_actions(self) -> int:
        """Size of the game's minimal action set."""

    @property
    def streams(self) -> Mapping[str, np.random.Generator]:
        """TRAINING_STREAMS by name. Those that the lane draws from itself (LANE_STREAMS) are to be left alone."""

    step: int
    """Agent steps taken; the engine counts it up before `end_play`."""

    held_out: Transitions | None
    """Transitions set aside when learning started."""

    @property
    def stack(self) -> NDArray[np.uint8]:
        """The newest frames, uint8 [84, 84, stack]; overwritten by the next step."""

    @property
    def at_end(self) -> bool:
        """Whether this step perceives a trajectory's last frame, and nothing is to be chosen."""

    @property
    def done(self) -> bool:
        """Whether the budget is spent."""

    @property
    def learning_started(self) -> bool:
        """Whether more than `replay_start` steps or rows have passed, counted before this step is added."""

    @property
    def recent_return(self) -> float | None:
        """Mean raw return of the last ten training episodes; None before the first has ended."""

    def begin_batch(self) -> None:
        """Draw a minibatch, the way `config.replay_sampling` says, before the step under way is remembered."""

    def batch(self) -> Transitions:
        """The minibatch that was begun; it stays valid until the next is begun."""

    def renew_priorities(self, priorities: NDArray[np.float32]) -> None:
        """Say what the loss found for the minibatch that was drawn last, float32 [batch], before another is begun.

        Where it is sampled by priority. Before or after the step under way is remembered makes no difference.
        """

    def sample(self, batch_size: int) -> Transitions:
        """So many transitions, drawn uniformly, to be kept; drawn before a minibatch that is begun later."""

    def begin_play(self, action: int | None) -> None:
        """Say what this step executes; None: it perceives a trajectory's last frame."""

    def end_play(self) -> None:
        """The step is taken. What it led to is waited for where it is read."""

    def begin_evaluation(
        self, request: EvaluationRequest, report: Callable[[int], object] = lambda episodes: None
    ) -> Evaluation:
        """Begin an evaluation of this run, apart from its training, as `evidence.evaluation.begin_evaluation` does."""

    def past(self) -> Past:
        """Everything of the lane that a checkpoint holds. To be asked for between two turns."""

    def restore(self, past: Past, check: Callable[[], object] = lambda: None) -> None:
        """Make the lane what it was when `past` was taken, by playing; what was in it before is overwritten.

        Args:
            past: of the same run.
            check: called again and again meanwhile; what it raises ends the work, and the lane is of no use then.

        Raises:
            ReplicationError: its content makes no sense, or playing it ends elsewhere.
        """


def budget_is_spent(run: Run, step: int, iterations: int) -> bool:
    """Whether a run that has taken so many steps and finished so many iterations is trained."""
    return iterations >= run.budget.iterations if run.budget.iterations else step >= run.budget.steps


def learning_has_started(config: OffPolicyConfig, step: int, rows_appended: int) -> bool:
    """Whether more than `replay_start` steps or rows have passed."""
    start = config.replay_start
    return (step if start.unit == "steps" else rows_appended) > start.count
