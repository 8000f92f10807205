"""The lengths of training at which the runs of an experiment are judged."""

from __future__ import annotations

from collections.abc import Sequence

from replication.foundation.errors import ReplicationError
from replication.specification.budget import Budget
from replication.specification.protocols import of_atari
from replication.specification.run import Run


def judged_budgets(judge_at: Sequence[int] | None, run: Run) -> tuple[Budget, ...]:
    """Return the lengths at which runs are judged that differ by task and seed alone.

    Args:
        judge_at: iterations, or emulator frames, as the budget of the runs counts; None: at the end of their budget.
        run: any of them.

    Raises:
        ReplicationError: their protocol publishes no training returns, or none at such a frame.
    """
    if judge_at is None:
        return (run.budget,)
    if not run.publishes_training:
        raise ReplicationError(
            f"judge_at: protocol {run.protocol.protocol} publishes evaluations at the end of training, "
            "expected one of training returns; leave judge_at out"
        )
    score = run.protocol.training_score
    if score is None:
        return tuple(Budget(iterations=number) for number in judge_at)
    points = score.points_frames(run.training_frames)
    if other := [frames for frames in judge_at if frames not in points]:
        raise ReplicationError(
            f"judge_at: found frame {other[0]:,}, expected one of {', '.join(f'{each:,}' for each in points)}: there "
            f"protocol {run.protocol.protocol} scores a run of this budget (training_score.at_frames)"
        )
    return tuple(Budget(steps=frames // of_atari(run.protocol.training).frame_skip) for frames in judge_at)
