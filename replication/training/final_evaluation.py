"""The final evaluation of a run by its protocol, as all families whose evaluations are traced play it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from replication.environments.contract import ActionCodec
from replication.evidence.evaluation import Evaluation, EvaluationRequest, Purpose, exploration_stream
from replication.evidence.traces import AnyTrace
from replication.foundation.errors import ReplicationError
from replication.foundation.progress import progress_bar
from replication.specification.protocols import FinalEvaluation
from replication.specification.run import Run
from replication.training.resumable_play import Choose, Play, Played

PURPOSE: Purpose = "final_evaluation"


@dataclass(frozen=True)
class Finalist:
    """A run whose final evaluation is to be played."""

    run: Run
    begin: Callable[[EvaluationRequest, Callable[[int], object]], Evaluation]
    """Begins an evaluation of it; the second argument is called whenever an episode has ended."""
    actions: ActionCodec
    """What its policy chooses among."""
    network_sha256: str
    """Of the parameters it is played with; '' without a network."""


def play_final_evaluations(
    finalists: Sequence[Finalist],
    policy: Callable[[Sequence[Played]], Choose],
    see: Callable[[int, NDArray[Any]], object],
    play: Play,
    *,
    quiet: bool,
) -> list[AnyTrace]:
    """Play final evaluations side by side.

    Args:
        finalists: runs of one variant and protocol.
        policy: of all of them, for the evaluations that it is given.
        see: called with each place and state.
        play: the player.
        quiet: no progress bar.

    Raises:
        ReplicationError: the protocol has no final evaluation.
        Stopped: by `play`.
    """
    final = final_evaluation_of(finalists[0].run)
    total, names = final.num_episodes * len(finalists), ", ".join(finalist.run.name for finalist in finalists)
    with progress_bar(total, "episodes", f"{names}: final evaluation", quiet=quiet) as bar:
        request = EvaluationRequest(final.presentation, PURPOSE, num_episodes=final.num_episodes)
        played = [_to_be_played(finalist, request, lambda episodes: bar.update()) for finalist in finalists]
        return play(played, policy(played), see)


def final_evaluation_of(run: Run) -> FinalEvaluation:
    """Return the evaluation that a run's protocol plays at the end of training.

    Raises:
        ReplicationError: it has none.
    """
    if run.protocol.evaluation_at_end is None:
        raise ReplicationError(f"{run.name}: protocol {run.protocol.protocol} has no final evaluation to play")
    return run.protocol.evaluation_at_end


def _to_be_played(finalist: Finalist, request: EvaluationRequest, report: Callable[[int], object]) -> Played:
    begun, stream = finalist.begin(request, report), exploration_stream(finalist.run, PURPOSE, 0)
    return Played(begun, finalist.run, PURPOSE, 0, finalist.network_sha256, finalist.actions, stream)
