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
        judge_at: iterations, emulator frames or steps, as the budget of the runs counts; None: at its end.
        run: any of them.

    Raises:
        ReplicationError: their protocol publishes no training returns or evaluations, or none at such a frame or step.
    """
    if judge_at is None:
        return (run.budget,)
    if (evaluated := run.protocol.evaluation_score) is not None:
        _check_points(judge_at, evaluated.points_steps(run.training_steps), "step", run, "evaluation_score.at_steps")
        return tuple(Budget(steps=steps) for steps in judge_at)
    if not run.publishes_training:
        raise ReplicationError(
            f"judge_at: protocol {run.protocol.protocol} publishes evaluations at the end of training, "
            "expected one of training returns; leave judge_at out"
        )
    score = run.protocol.training_score
    if score is None:
        return tuple(Budget(iterations=number) for number in judge_at)
    _check_points(judge_at, score.points_frames(run.training_frames), "frame", run, "training_score.at_frames")
    return tuple(Budget(steps=frames // of_atari(run.protocol.training).frame_skip) for frames in judge_at)


def _check_points(judge_at: Sequence[int], points: Sequence[int], unit: str, run: Run, setting: str) -> None:
    """Check that a run is scored wherever it is to be judged.

    Raises:
        ReplicationError: it is not, at the first such point.
    """
    if other := [point for point in judge_at if point not in points]:
        raise ReplicationError(
            f"judge_at: found {unit} {other[0]:,}, expected one of {', '.join(f'{each:,}' for each in points)}: there "
            f"protocol {run.protocol.protocol} scores a run of this budget ({setting})"
        )
