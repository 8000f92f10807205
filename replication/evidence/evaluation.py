"""Playing a policy by a protocol, with a trace of everything the simulator was given.

Every evaluation has a fresh simulator and streams of its own, so it neither disturbs training nor depends on when it
is made. Its episodes are played one after another on that simulator, as on a console. Evaluations of many runs can be
played side by side, a step at a time, so that one batched network can answer for all.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from replication.environments.contract import Policy, StepResult, Viewing
from replication.evidence.trace_container import Ending
from replication.evidence.traces import AnyTrace
from replication.foundation.random_streams import named_stream
from replication.specification.protocols import AnyPresentation, GymnasiumPresentation, of_atari
from replication.specification.run import Run

Purpose = Literal["final_evaluation", "periodic_evaluation"]
Evaluation = Generator[NDArray[Any] | None, Any, AnyTrace]
"""Under way: it shows what a policy sees, is sent an action, and ends in its trace.

One that is played in another process shows None first, once it has passed the action on; sent None, it waits there.
"""


class RecordedTask(Protocol):
    """A task as a protocol shows it, whose episodes are recorded as they are played."""

    @property
    def shown(self) -> NDArray[Any]:
        """What a policy sees now: the newest frames of a game, uint8 [84, 84, stack], or an observation."""

    def begin_episode(self) -> None:
        """Begin the next episode."""

    def step(self, action: Any, /) -> StepResult:
        """Take one agent step."""

    def finish_episode(self, ending: Ending) -> None:
        """Keep the episode under way."""

    def trace(self) -> AnyTrace:
        """Make the trace of the episodes that are kept."""


@dataclass(frozen=True)
class EvaluationRequest:
    """An evaluation to be played: whole episodes, or a number of steps whose last episode may stay unfinished."""

    presentation: AnyPresentation
    """Starts and caps; a lost life ends no evaluation episode, but it may end a trajectory, as in training."""
    purpose: Purpose
    """Also names the random streams, with `index`."""
    index: int = 0
    """Which evaluation of the run this is."""
    num_episodes: int | None = None
    """Exactly one of this and num_steps is given."""
    num_steps: int | None = None
    """Agent steps to play."""

    def __post_init__(self) -> None:
        assert (self.num_episodes is None) != (self.num_steps is None)


def evaluate(
    policy: Policy,
    run: Run,
    viewing: Viewing | None,
    request: EvaluationRequest,
    report: Callable[[int], object] = lambda episodes: None,
) -> AnyTrace:
    """Play an evaluation from its beginning to its end.

    Args:
        policy: chooses an action from what it sees.
        run: whose task and seed are played.
        viewing: how the policy sees a game; None: it sees the observations of another task as they are.
        request: what is played.
        report: called with the number of finished episodes after each.

    Returns: the trace, one entry per episode.
    """
    stream = exploration_stream(run, request.purpose, request.index)
    evaluation = begin_evaluation(run, viewing, request, report)
    (trace,) = play_side_by_side([evaluation], lambda stacks: {0: policy(stacks[0], stream)})
    return trace


def play_side_by_side(
    evaluations: Sequence[Evaluation], choose: Callable[[Mapping[int, NDArray[Any]]], Mapping[int, Any]]
) -> list[AnyTrace]:
    """Advance evaluations a step at a time until all have ended.

    Args:
        evaluations: not begun yet.
        choose: from what those still under way show to their actions, by place in `evaluations`.

    Returns: their traces, in order.
    """
    shown: dict[int, NDArray[Any]] = {}
    traces: dict[int, AnyTrace] = {}
    sent: Mapping[int, Any] = dict.fromkeys(range(len(evaluations)))  # None begins a generator
    while sent:
        passed_on: dict[int, None] = {}
        for place, action in sent.items():
            try:
                stack = evaluations[place].send(action)
            except StopIteration as end:
                shown.pop(place, None)
                traces[place] = end.value
                continue
            if stack is None:
                passed_on[place] = None
            else:
                shown[place] = stack
        sent = passed_on or (choose(shown) if shown else {})
    return [traces[place] for place in range(len(evaluations))]


def exploration_stream(run: Run, purpose: Purpose, index: int) -> np.random.Generator:
    """Return the stream that the policy of an evaluation draws from."""
    return named_stream(run.seed, run.task.name, f"{purpose}/exploration", index)


def begin_evaluation(
    run: Run,
    viewing: Viewing | None,
    request: EvaluationRequest,
    report: Callable[[int], object] = lambda episodes: None,
) -> Evaluation:
    """Begin an evaluation whose caller chooses the actions; the arguments are those of `evaluate`.

    Yields: what a policy sees; the array may be overwritten in the next step.
    Returns: the trace, one entry per episode.
    """
    task = _open_task(run, viewing, request)
    steps = episodes = 0
    while episodes != request.num_episodes and steps != request.num_steps:
        task.begin_episode()
        ending: Ending = "unfinished"
        while ending == "unfinished" and steps != request.num_steps:
            action = yield task.shown
            assert action is not None, "a state was shown and no action sent"
            result = task.step(action)
            steps += 1
            if result.ended:
                ending = "terminated" if result.terminated else "truncated"
        task.finish_episode(ending)
        episodes += 1
        report(episodes)
    return task.trace()


def _open_task(run: Run, viewing: Viewing | None, request: EvaluationRequest) -> RecordedTask:
    """Open a fresh simulator of the run's task, presented as asked for; only what its kind needs is imported."""

    def stream(name: str) -> np.random.Generator:
        return named_stream(run.seed, run.task.name, f"{request.purpose}/{name}", request.index)

    presentation, purpose = request.presentation, request.purpose
    if isinstance(presentation, GymnasiumPresentation):
        from replication.evidence.step_recording import RecordedSteps

        return RecordedSteps(run, presentation, purpose, stream("starts"))
    from replication.evidence.recording import RecordedGame

    assert viewing is not None, f"{run.name}: a game was to be shown, and it was not said how"
    shown = of_atari(presentation)
    return RecordedGame(run, shown, purpose, viewing, stream("noop_starts"), stream("stickiness"))
