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
    """A lane with its learner, and the results of its periodic evaluations."""

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
    """Why the lane cannot go on. Its neighbours do; it gets no more checkpoints."""

    @property
    def active(self) -> bool:
        """True while the run has steps left to train."""
        return self.failure is None and not self.lane.done
