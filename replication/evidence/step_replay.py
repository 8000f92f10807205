"""Playing the trace of a task that is no game again under its protocol: starts, caps and endings must agree too.

Starts follow from the protocol and the run's own stream; only the agent's actions are read from the trace. So an
episode that was left out, doubled or put elsewhere is found, and so is a changed action, which leads to another state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from replication.environments.gymnasium.presentation import PresentedGymnasium
from replication.environments.gymnasium.simulator import GymnasiumSimulator
from replication.evidence.step_trace import StepEpisode, StepTrace
from replication.foundation.errors import ReplicationError
from replication.foundation.random_streams import named_stream
from replication.specification.protocols import GymnasiumPresentation
from replication.specification.tasks.gymnasium_tasks import GymnasiumTask


def replay_steps(
    trace: StepTrace,
    task: GymnasiumTask,
    presentation: GymnasiumPresentation,
    path: Path,
    report: Callable[[int], object] = lambda steps: None,
    index: int = 0,
) -> None:
    """Play a trace again under the rules it was made by, and compare what came of each episode.

    Args:
        trace: of an evaluation.
        task: what was played.
        presentation: the rules.
        path: names the file in messages.
        report: called with the steps of each episode after it.
        index: which evaluation of its run it is, for those during training.

    Raises:
        ReplicationError: the first difference: file, episode, what was found and what was expected.
    """
    header = trace.header
    simulator = GymnasiumSimulator(task)
    if header.actions != simulator.actions:
        raise ReplicationError(
            f"{path}: actions: found {header.actions.model_dump()}, task {task.name} has "
            f"{simulator.actions.model_dump()}; fetch it again"
        )
    starts = named_stream(header.seed, task.name, f"{header.purpose}/starts", index)
    played = PresentedGymnasium(task, simulator, presentation, starts)
    for number, episode in enumerate(trace.episodes):
        difference = _difference(played, simulator, episode)
        if difference is not None:
            remark = _other_simulator(header.fingerprint, simulator.fingerprint)
            raise ReplicationError(f"{path}: episode {number} (the first is 0): {difference}{remark}")
        report(episode.steps)


def _difference(played: PresentedGymnasium, simulator: GymnasiumSimulator, episode: StepEpisode) -> str | None:
    """Play an episode again and return the first difference, in words."""
    played.begin_episode()
    if simulator.start != episode.start:
        return f"start: the protocol draws {simulator.start}, the trace claims {episode.start}"
    ending = "unfinished"
    for number, action in enumerate(episode.actions, start=1):
        result = played.step(action)
        if result.ended:
            ending = "terminated" if result.terminated else "truncated"
            if number < episode.steps:
                return f"step {number} (the first is 1): the episode is {ending}, the trace goes on to {episode.steps}"
    for what, found, claimed in (
        ("ending", ending, episode.ending),
        ("raw_return", played.episode_return, episode.raw_return),
        ("state_digest", simulator.state_digest(), episode.state_digest),
    ):
        if found != claimed:
            return f"{what}: played again it is {found}, the trace claims {claimed}"
    return None


def _other_simulator(there: Mapping[str, str], here: Mapping[str, str]) -> str:
    """Return a remark where another simulator or processor may explain a difference; empty where they are the same."""
    other = [
        f"{name} {there.get(name)}, here {here.get(name)}"
        for name in sorted({*there, *here})
        if there.get(name) != here.get(name)
    ]
    return f" (the trace was made with {'; '.join(other)}: play it where these are the same)" if other else ""
