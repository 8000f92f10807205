"""The interface of a lane, whichever process it lives in, and the records of its past.

A lane plays one run and holds its replay memory: a `Lane` in this process, a `LaneInWorker` in another. Work that takes
time is begun in one call and ended in a second, so that the lanes of all workers do it at the same time: `begin_play`
or `begin_storing_last_frame` and `end_step`, `begin_batch` and `batch`, and the two turns of an evaluation.
`renew_priorities` is one call, since nothing is returned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
    """The state of a lane just before an episode began."""

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
    """A lane's past from a keyframe on: what its state is rebuilt from, and what that must lead to."""

    step: int
    rows_appended: int
    stack_sha256: str
    streams: dict[str, dict[str, Any]]
    """States of all streams of its family."""
    episodes: tuple[EpisodeRecord, ...]
    """Of the whole run, not only since the keyframe; so are the two below."""
    iterations: tuple[IterationRecord, ...]
    training: Trace | None
    """The finished training episodes, where they are what is published; those that the log holds, if there is one."""
    chapters: dict[str, str] | None
    """Of the log of training episodes, where their last ones are scored."""
    keyframe: Keyframe
    decisions: bytes
    """One byte an agent step since the keyframe."""
    priorities: PriorityState | None
    """Of the transitions, where they are sampled by priority."""
    new_chapters: dict[str, bytes] = field(default_factory=dict)
    """Those completed since this was asked last, which belong in the state before a checkpoint is written."""


class AnyLane(Protocol):
    """One run that plays and fills its replay memory; the training loop chooses its actions and updates its network."""

    @property
    def run(self) -> Run:
        """The run that is trained."""

    @property
    def config(self) -> OffPolicyConfig:
        """The settings of its variant."""

    @property
    def num_actions(self) -> int:
        """Size of the game's minimal action set."""

    @property
    def streams(self) -> Mapping[str, np.random.Generator]:
        """The streams of its family by name. Only the lane itself draws from LANE_STREAMS."""

    step: int
    """Agent steps taken; the training loop counts it up before `end_step`."""

    held_out: Transitions | None
    """Transitions set aside when learning started."""

    @property
    def stack(self) -> NDArray[np.uint8]:
        """The newest frames, uint8 [84, 84, stack]; overwritten by the next step."""

    @property
    def at_end(self) -> bool:
        """True where this step stores a trajectory's last frame, so that no action is to be chosen."""

    @property
    def done(self) -> bool:
        """True once the budget is spent."""

    @property
    def learning_started(self) -> bool:
        """True once more than `replay_start` steps or rows have passed, counted before this step is added."""

    @property
    def recent_return(self) -> float | None:
        """Mean raw return of the last ten training episodes; None before the first has ended."""

    def finished_episodes(self, first: int) -> Sequence[EpisodeRecord]:
        """Return the training episodes that have ended, from number `first` on."""

    def begin_batch(self) -> None:
        """Begin to draw a minibatch as `config.replay_sampling` says, from the memory as it was before this step."""

    def batch(self) -> Transitions:
        """Return the minibatch that was begun; it stays valid until the next is begun."""

    def renew_priorities(self, priorities: NDArray[np.float32]) -> None:
        """Set the priorities that the loss found for the minibatch drawn last, float32 [batch].

        Only for a memory sampled by priority, and before another minibatch is begun. It makes no difference whether
        the step under way has been stored by then.
        """

    def sample(self, batch_size: int) -> Transitions:
        """Draw transitions uniformly, in arrays of their own; they are drawn before any minibatch begun later."""

    def begin_play(self, action: int) -> None:
        """Begin a step that executes an action."""

    def begin_storing_last_frame(self) -> None:
        """Begin a step that stores a trajectory's last frame; only where `at_end` is true."""

    def end_step(self) -> None:
        """Take the step that was begun; a lane in a worker is waited for when its new state is read."""

    def begin_evaluation(
        self, request: EvaluationRequest, report: Callable[[int], object] = lambda episodes: None
    ) -> Evaluation:
        """Begin an evaluation of this run, apart from its training, as `evidence.evaluation.begin_evaluation` does."""

    def past(self) -> Past:
        """Return everything of the lane that a checkpoint holds; only between two turns of training."""

    def restore(self, past: Past, check: Callable[[], object] = lambda: None) -> None:
        """Bring the lane to where `past` was taken, by playing it again; its present state is overwritten.

        Args:
            past: of the same run.
            check: called again and again meanwhile; if it raises, the lane cannot be used any more.

        Raises:
            ReplicationError: the content of `past` makes no sense, or playing it does not lead where it says.
        """


def budget_is_spent(run: Run, step: int, iterations: int) -> bool:
    """Return whether a run is trained after so many steps and finished iterations."""
    return iterations >= run.budget.iterations if run.budget.iterations else step >= run.budget.steps


def learning_has_started(config: OffPolicyConfig, step: int, rows_appended: int) -> bool:
    """Return whether more than `replay_start` steps or rows have passed."""
    start = config.replay_start
    return (step if start.unit == "steps" else rows_appended) > start.count
