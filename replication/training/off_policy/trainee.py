"""One run in training."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from replication.evidence.scores import CurvePoint
from replication.evidence.trace_file import Trace
from replication.training.off_policy.lane_contract import AnyLane
from replication.training.off_policy.learner import Learner


@dataclass
class Trainee:
    """A lane with its learner, and what its periodic evaluations found."""

    lane: AnyLane
    learner: Learner
    curve: list[CurvePoint] = field(default_factory=list)
    best: dict[str, Tensor] | None = None
    """Parameters of the online network at the highest periodic evaluation so far."""
    fresh_trace: Trace | None = None
    """The trace of the latest periodic evaluation, until it is stored."""
    seconds: float = 0.0
    """Time spent training, over all sessions."""
    failure: str | None = None
    """Why the lane cannot go on. Its neighbours do; it is stored no more."""

    @property
    def active(self) -> bool:
        """Whether there is anything left to train."""
        return self.failure is None and not self.lane.done
