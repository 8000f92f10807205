"""Playing a policy by a protocol, with a trace of everything the emulator was given.

Every evaluation has a power-on emulator and streams of its own, so it neither disturbs training nor depends on
when it is made. Its episodes are played one after another on that emulator, as on a console. Evaluations of many runs
can be played side by side, a step at a time, so that one batched network can answer for all.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from replication.environments.atari.emulator import open_emulator
from replication.environments.atari.frames import frame_pipeline, push_frame
from replication.environments.atari.presentation import PresentedGame
from replication.environments.contract import Policy, Viewing
from replication.evidence.recording import RecordingEmulator, new_trace
from replication.evidence.trace_file import Trace
from replication.foundation.random_streams import named_stream
from replication.specification.protocols import AnyPresentation, of_atari
from replication.specification.run import Run

Purpose = Literal["final_evaluation", "periodic_evaluation"]
Evaluation = Generator[NDArray[np.uint8] | None, int | None, Trace]
"""Under way: it shows the newest frames, uint8 [84, 84, stack], is sent an action, and ends in its trace.

One that is played in another process shows None first, once it has passed the action on; sent None, it waits there.
"""


@dataclass(frozen=True)
class EvaluationRequest:
    """An evaluation to be played: whole episodes, or a number of steps whose last episode may stay unfinished."""

    presentation: AnyPresentation
    """Starts and caps; a lost life does not end an evaluation episode."""
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
    viewing: Viewing,
    request: EvaluationRequest,
    report: Callable[[int], object] = lambda episodes: None,
) -> Trace:
    """Play an evaluation from its beginning to its end.

    Args:
        policy: chooses an action from the newest frames.
        run: whose game and seed are played.
        viewing: how the policy sees the game.
        request: what is played.
        report: called with the number of finished episodes after each.

    Returns: the trace, one entry per episode.
    """
    stream = exploration_stream(run, request.purpose, request.index)
    evaluation = begin_evaluation(run, viewing, request, report)
    (trace,) = play_side_by_side([evaluation], lambda stacks: {0: policy(stacks[0], stream)})
    return trace


def play_side_by_side(
    evaluations: Sequence[Evaluation], choose: Callable[[Mapping[int, NDArray[np.uint8]]], Mapping[int, int]]
) -> list[Trace]:
    """Advance evaluations a step at a time until all have ended.

    Args:
        evaluations: not begun yet.
        choose: from the newest frames of those still under way to their actions, by place in `evaluations`.

    Returns: their traces, in order.
    """
    shown: dict[int, NDArray[np.uint8]] = {}
    traces: dict[int, Trace] = {}
    sent: Mapping[int, int | None] = dict.fromkeys(range(len(evaluations)))  # None begins a generator
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
    return named_stream(run.seed, run.game, f"{purpose}/exploration", index)


def begin_evaluation(
    run: Run,
    viewing: Viewing,
    request: EvaluationRequest,
    report: Callable[[int], object] = lambda episodes: None,
) -> Evaluation:
    """Begin an evaluation whose caller chooses the actions; the arguments are those of `evaluate`.

    Yields: the newest frames; the array is overwritten in the next step.
    Returns: the trace, one entry per episode.
    """
    presentation, purpose = of_atari(request.presentation), request.purpose
    streams = (
        named_stream(run.seed, run.game, f"{purpose}/{name}", request.index) for name in ("noop_starts", "stickiness")
    )
    recorder = RecordingEmulator(open_emulator(run.game))
    game = PresentedGame(
        recorder,
        presentation,
        frame_pipeline(viewing.frame_pipeline, viewing.frame_skip),
        viewing.frame_skip,
        *streams,
    )
    stack = np.zeros((84, 84, viewing.frame_stack), dtype=np.uint8)
    steps = episodes = 0
    while episodes != request.num_episodes and steps != request.num_steps:
        game.begin_episode()
        push_frame(stack, game.observation, clear=True)
        recorder.mark_scored(True)
        ending: Literal["terminated", "truncated", "unfinished"] = "unfinished"
        while ending == "unfinished" and steps != request.num_steps:
            action = yield stack
            assert action is not None, "a state was shown and no action sent"
            result = game.step(action)
            push_frame(stack, game.observation, clear=False)
            steps += 1
            if result.ended:
                ending = "terminated" if result.terminated else "truncated"
        recorder.finish_episode(
            raw_return=game.episode_return,
            scored_frames=game.episode_frames,
            noop_frames=game.noop_frames,
            ending=ending,
        )
        episodes += 1
        report(episodes)
    return new_trace(recorder, run, presentation, viewing.frame_skip, purpose)
