"""The presentation of a task of Gymnasium to an agent: starting states and caps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from replication.environments.contract import Spaces, StepResult
from replication.environments.gymnasium.simulator import GymnasiumSimulator
from replication.specification.protocols import GymnasiumPresentation
from replication.specification.tasks.gymnasium_tasks import GymnasiumTask

STARTS = 2**31
"""Starts are drawn uniformly among so many."""


class PresentedGymnasium:
    """One task as a protocol shows it. Its stream is owned by the caller."""

    def __init__(
        self,
        task: GymnasiumTask,
        simulator: GymnasiumSimulator,
        presentation: GymnasiumPresentation,
        start_stream: np.random.Generator,
    ) -> None:
        """Store what the task is presented with.

        Args:
            task: what is played.
            simulator: of the task.
            presentation: the rules.
            start_stream: what the starts of episodes are drawn from.
        """
        self._cap_steps = task.cap_steps(presentation.episode_cap_steps)
        self._simulator = simulator
        self._start_stream = start_stream
        self.spaces = Spaces(simulator.observation.shape, simulator.actions)
        self.episode_return = 0.0
        self.episode_steps = 0

    @property
    def observation(self) -> NDArray[np.float32]:
        return self._simulator.observation

    def begin_episode(self) -> None:
        self._simulator.reset(int(self._start_stream.integers(STARTS)))
        self.episode_return = 0.0
        self.episode_steps = 0

    def step(self, action: Any, /) -> StepResult:
        reward = self._simulator.act(action)
        self.episode_return += reward
        self.episode_steps += 1
        terminated = self._simulator.terminated
        return StepResult(reward, terminated, not terminated and self.episode_steps == self._cap_steps)

    def state(self) -> dict[str, Any]:
        return {
            "simulator": self._simulator.save(),
            "episode_return": self.episode_return,
            "episode_steps": self.episode_steps,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self._simulator.restore(state["simulator"])
        self.episode_return = state["episode_return"]
        self.episode_steps = state["episode_steps"]
