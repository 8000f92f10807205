"""One run's place in a cohort: its task, its replay memory, its noise, its streams and its counters; no network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from replication.environments.contract import ContinuousActions
from replication.environments.gymnasium.presentation import PresentedGymnasium
from replication.environments.gymnasium.simulator import GymnasiumSimulator
from replication.evidence.scores import EpisodeRecord
from replication.foundation.errors import ReplicationError
from replication.foundation.random_streams import restore_stream, stream_state, training_streams
from replication.specification.families.off_policy_continuous import OffPolicyContinuousConfig
from replication.specification.protocols import GymnasiumPresentation
from replication.specification.run import Run
from replication.specification.tasks.gymnasium_tasks import GymnasiumTask
from replication.training.off_policy_continuous.noise import Noise
from replication.training.replay.vectors import VectorReplay

_RECENT_EPISODES = 100

Act = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""An actor without noise: from an observation to an action."""


class Lane:
    """The task of one run as its agent plays it in training.

    Args:
        run: what is played.
        config: its settings.

    Raises:
        ReplicationError: the actions of the task are no bounded vectors.
    """

    def __init__(self, run: Run, config: OffPolicyContinuousConfig) -> None:
        assert isinstance(run.task, GymnasiumTask), f"{run.name}: its task is none of Gymnasium"
        assert isinstance(run.protocol.training, GymnasiumPresentation)
        self.run = run
        self.config = config
        self.streams = training_streams(run.seed, run.task.name, run.family.streams)
        simulator = GymnasiumSimulator(run.task)
        if not isinstance(simulator.actions, ContinuousActions):
            raise ReplicationError(
                f"{run.name}: task {run.task.name} has actions of kind {simulator.actions.kind}, family "
                f"{run.family.name} expects continuous; name another task or another variant"
            )
        self.actions = simulator.actions
        self.chosen_from = limited(simulator.actions, config.action_limit)
        """What the actor chooses from: the actions of the task, or a part of them."""
        bounds = (self.chosen_from.low, self.chosen_from.high)
        self._low, self._high = (np.array(bound, np.float32) for bound in bounds)
        self._task = PresentedGymnasium(run.task, simulator, run.protocol.training, self.streams["starts"])
        self.observation_size = int(np.prod(self._task.spaces.observation))
        size = len(self.actions.low)
        self.replay = VectorReplay(config.replay_capacity_steps, self.observation_size, size, config.batch_size)
        self.noise = Noise(config.noise, size, self.streams["exploration"])
        self._noise_unit = (self._high - self._low) / 2 if config.noise_unit == "largest_action" else np.float32(1.0)
        self._random_steps = config.random_steps_on(run.task.name)
        self._learning_starts = config.learning_starts_on(run.task.name)
        self.step = 0
        """Steps taken."""
        self.updates_owed = 0
        """Updates that fall on the steps so far and are not made yet."""
        self.episodes: list[EpisodeRecord] = []
        """The finished ones."""
        self._task.begin_episode()

    @property
    def done(self) -> bool:
        """True once the budget is spent, and what it teaches is learned."""
        return self.step >= self.run.budget.steps and self.updates_owed == 0

    @property
    def noise_state(self) -> NDArray[np.float64]:
        """What is left of the noise of earlier steps."""
        return self.noise.state

    @property
    def recent_return(self) -> float | None:
        """Mean raw return of the last hundred training episodes; None before the first has ended."""
        recent = self.episodes[-_RECENT_EPISODES:]
        return float(np.mean([episode.raw_return for episode in recent])) if recent else None

    def play(self, act: Act) -> None:
        """Take a step: at random, or as the actor does, with noise; count the updates that fall on it."""
        observation = self._task.observation.copy()  # a step may overwrite it
        action = self._random_action() if self.step < self._random_steps else self._explore(act(observation))
        result = self._task.step(action)
        config = self.config
        ends = result.terminated or (result.truncated and not config.truncation_bootstraps)
        self.replay.add(observation, action, result.reward, self._task.observation, terminated=ends)
        self.step += 1
        learns = self.step > self._learning_starts
        if config.update_period_steps is not None and config.updates_at_once is not None:
            if learns and self.step % config.update_period_steps == 0:
                self.updates_owed += config.updates_at_once
        elif learns and result.ended:
            self.updates_owed += self._task.episode_steps
        if result.ended:
            ending: Literal["terminated", "truncated"] = "terminated" if result.terminated else "truncated"
            task = self._task
            self.episodes.append(EpisodeRecord(self.step, task.episode_return, task.episode_steps, ending))
            self._task.begin_episode()
            self.noise.begin_episode()

    def _random_action(self) -> NDArray[np.float32]:
        drawn: NDArray[np.float64] = self.streams["exploration"].uniform(self._low, self._high, self._low.shape)
        return drawn.astype(np.float32)

    def _explore(self, action: NDArray[np.float32]) -> NDArray[np.float32]:
        noisy = action + self._noise_unit * self.noise.draw()
        return np.clip(noisy, self._low, self._high).astype(np.float32)

    def state(self) -> dict[str, Any]:
        """Return plain data from which `restore` continues exactly, given the content of the replay memory."""
        return {
            "step": self.step,
            "updates_owed": self.updates_owed,
            "task": self._task.state(),
            "noise": self.noise.state,
            "streams": {name: stream_state(stream) for name, stream in self.streams.items()},
        }

    def restore(self, state: dict[str, Any], episodes: list[EpisodeRecord]) -> None:
        """Continue where `state` was taken, with these finished episodes."""
        self.step, self.updates_owed, self.episodes = state["step"], state["updates_owed"], episodes
        self._task.restore(state["task"])
        self.noise.state = state["noise"]
        for name, stream in self.streams.items():
            restore_stream(stream, state["streams"][name])


def limited(actions: ContinuousActions, limit: float | None) -> ContinuousActions:
    """Return the actions of at most this size in each dimension; None: all."""
    if limit is None:
        return actions
    low, high = (tuple(min(max(bound, -limit), limit) for bound in bounds) for bounds in (actions.low, actions.high))
    return ContinuousActions(low=low, high=high)
