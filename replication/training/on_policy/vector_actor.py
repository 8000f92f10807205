"""One of the tasks of Gymnasium that a run plays side by side, and its actions between the bounds of the task."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from replication.environments.contract import ActionCodec, ContinuousActions, StepResult
from replication.environments.gymnasium.presentation import PresentedGymnasium
from replication.environments.gymnasium.simulator import GymnasiumSimulator
from replication.evidence.scores import EpisodeRecord
from replication.foundation.errors import ReplicationError
from replication.foundation.random_streams import named_stream, restore_stream, stream_state
from replication.specification.families.on_policy import START_STREAM
from replication.specification.families.vector_policies import PerceptronPolicyConfig
from replication.specification.protocols import GymnasiumPresentation
from replication.specification.run import Run
from replication.specification.tasks.gymnasium_tasks import GymnasiumTask


class VectorActor:
    """A task of vectors as a policy sees it in training.

    Args:
        run: whose task it is.
        number: of the actor, from 0; part of the name of its stream.
    """

    recorder = None
    """Its training episodes are not traced: what is published are evaluations."""

    def __init__(self, run: Run, number: int) -> None:
        assert isinstance(run.task, GymnasiumTask), f"{run.name}: its task is none of Gymnasium"
        assert isinstance(run.protocol.training, GymnasiumPresentation)
        self.number = number
        self.episodes = 0
        """Those that have ended."""
        self.streams = {START_STREAM: named_stream(run.seed, run.task.name, START_STREAM, number)}
        simulator = GymnasiumSimulator(run.task)
        self.actions = simulator.actions
        self._task = PresentedGymnasium(run.task, simulator, run.protocol.training, self.streams[START_STREAM])
        self._last = StepResult(0.0, False, False)
        self._task.begin_episode()
        self.stack: NDArray[np.float32] = self._task.observation.reshape(-1).copy()
        """The newest observation, float32 [numbers]; of an episode's end until `begin_again`. The caller may put memory
        of its own in its place."""

    def play(self, action: Any) -> StepResult:
        """Take one step with an action as the task takes it."""
        self._last = self._task.step(action)
        self.stack[:] = self._task.observation.reshape(-1)
        return self._last

    def begin_again(self, step: int) -> EpisodeRecord:
        """Begin the next episode after the end of one.

        Args:
            step: of the run, at which it ended.

        Returns: the episode that has ended.
        """
        task = self._task
        ending: Literal["terminated", "truncated"] = "terminated" if self._last.terminated else "truncated"
        ended = EpisodeRecord(step, task.episode_return, task.episode_steps, ending)
        self.episodes += 1
        task.begin_episode()
        self.stack[:] = task.observation.reshape(-1)
        return ended

    def state(self) -> dict[str, Any]:
        """Return plain data from which `restore` continues exactly; only between two rollouts."""
        return {
            "game": self._task.state(),
            "stack": self.stack.copy(),
            "streams": {name: stream_state(stream) for name, stream in self.streams.items()},
            "episodes": self.episodes,
            "recorded": None,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue where `state` was taken."""
        self._task.restore(state["game"])
        self.stack[:] = state["stack"]
        for name, stream in self.streams.items():
            restore_stream(stream, state["streams"][name])
        self.episodes = state["episodes"]


def check_actions(run: Run, actions: ActionCodec, config: PerceptronPolicyConfig) -> None:
    """Check that a policy and a task have actions of one kind.

    Raises:
        ReplicationError: the one has numbers of a list, the other vectors.
    """
    expected = "discrete" if config.action_bound is None else "continuous"
    if actions.kind != expected:
        raise ReplicationError(
            f"{run.name}: task {run.task.name} has actions of kind {actions.kind}, variant {run.variant.variant} "
            f"expects {expected}; name another task or another variant"
        )


def between_bounds(
    drawn: NDArray[np.float32], actions: ActionCodec, config: PerceptronPolicyConfig
) -> NDArray[np.float32] | NDArray[np.int64]:
    """Bring drawn actions between the bounds of the task, float32 [..., dimensions]; numbers of a list stay.

    low + (high - low) (b + 1) / 2, with b the tanh of what was drawn, or b what was drawn cut to -1 .. 1.

    Source: thu-ml/tianshou 47c77899 tianshou/policy/base.py:123-153.
    """
    if not isinstance(actions, ContinuousActions):
        return drawn
    low, high = np.array(actions.low, np.float32), np.array(actions.high, np.float32)
    bounded = np.tanh(drawn) if config.action_bound == "tanh" else np.clip(drawn, -1.0, 1.0)
    found: NDArray[np.float32] = (low + (high - low) * (bounded + 1.0) / 2.0).astype(np.float32)
    return np.minimum(np.maximum(found, low), high)  # a sum may be rounded beyond
