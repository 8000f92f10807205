"""One run's place in a cohort: its task, its replay memory, its streams and its counters; no network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from replication.environments.contract import DiscreteActions
from replication.environments.gymnasium.presentation import PresentedGymnasium
from replication.environments.gymnasium.simulator import GymnasiumSimulator
from replication.evidence.scores import EpisodeRecord
from replication.foundation.errors import ReplicationError
from replication.foundation.random_streams import restore_stream, stream_state, training_streams
from replication.specification.families.off_policy_vectors import OffPolicyVectorsConfig
from replication.specification.protocols import GymnasiumPresentation
from replication.specification.run import Run
from replication.specification.tasks.gymnasium_tasks import GymnasiumTask
from replication.training.exploration import explore
from replication.training.replay.vectors import VectorReplay

_RECENT_EPISODES = 100

Act = Callable[[NDArray[np.float32]], int]
"""The action of the greatest value, the first of equal ones."""


class Lane:
    """The task of one run as its agent plays it in training.

    Args:
        run: what is played.
        config: its settings.

    Raises:
        ReplicationError: the actions of the task are no numbers.
    """

    def __init__(self, run: Run, config: OffPolicyVectorsConfig) -> None:
        assert isinstance(run.task, GymnasiumTask), f"{run.name}: its task is none of Gymnasium"
        assert isinstance(run.protocol.training, GymnasiumPresentation)
        self.run = run
        self.config = config
        self.streams = training_streams(run.seed, run.task.name, run.family.streams)
        simulator = GymnasiumSimulator(run.task)
        if not isinstance(simulator.actions, DiscreteActions):
            raise ReplicationError(
                f"{run.name}: task {run.task.name} has actions of kind {simulator.actions.kind}, family "
                f"{run.family.name} expects discrete; name another task or another variant"
            )
        self.actions = simulator.actions
        self._task = PresentedGymnasium(run.task, simulator, run.protocol.training, self.streams["starts"])
        self.observation_size = int(np.prod(self._task.spaces.observation))
        self.replay = VectorReplay(config.replay_capacity_steps, self.observation_size, 1, config.batch_size)
        self.noise_state: NDArray[np.float64] = np.zeros(0)
        """None: nothing of its exploration is left of earlier steps."""
        self.step = 0
        """Steps taken."""
        self.updates_owed = 0
        """Updates that fall on the steps so far and are not made yet."""
        self.episodes: list[EpisodeRecord] = []
        """The finished ones."""
        self._task.begin_episode()

    @property
    def played(self) -> bool:
        """True once the budget is spent, whichever unit it has."""
        budget = self.run.budget
        return len(self.episodes) >= budget.episodes if budget.episodes else self.step >= budget.steps

    @property
    def done(self) -> bool:
        """True once the budget is spent, and what it teaches is learned."""
        return self.played and self.updates_owed == 0

    @property
    def recent_return(self) -> float | None:
        """Mean raw return of the last hundred training episodes; None before the first has ended."""
        recent = self.episodes[-_RECENT_EPISODES:]
        return float(np.mean([episode.raw_return for episode in recent])) if recent else None

    @property
    def epsilon(self) -> float:
        """Share of random actions of the next step."""
        return 1.0 if self.step < self.config.random_steps else self.config.epsilon.at(self.step, len(self.episodes))

    def play(self, act: Act) -> None:
        """Take an epsilon-greedy step, and count the updates that fall on it."""
        observation = self._task.observation.copy()  # a step may overwrite it
        drawn = explore(self.epsilon, len(self.actions.codes), self.streams["exploration"])
        action = act(observation) if drawn is None else drawn
        result = self._task.step(action)
        ends = result.terminated or (result.truncated and not self.config.truncation_bootstraps)
        taken = np.array([action], np.float32)
        self.replay.add(observation, taken, result.reward, self._task.observation, terminated=ends)
        self.step += 1
        if self.step > self.config.learning_starts_steps and self.step % self.config.update_period_steps == 0:
            self.updates_owed += self.config.updates_at_once
        if result.ended:
            ending: Literal["terminated", "truncated"] = "terminated" if result.terminated else "truncated"
            task = self._task
            self.episodes.append(EpisodeRecord(self.step, task.episode_return, task.episode_steps, ending))
            self._task.begin_episode()

    def state(self) -> dict[str, Any]:
        """Return plain data from which `restore` continues exactly, given the content of the replay memory."""
        return {
            "step": self.step,
            "updates_owed": self.updates_owed,
            "task": self._task.state(),
            "noise": self.noise_state,
            "streams": {name: stream_state(stream) for name, stream in self.streams.items()},
        }

    def restore(self, state: dict[str, Any], episodes: list[EpisodeRecord]) -> None:
        """Continue where `state` was taken, with these finished episodes."""
        self.step, self.updates_owed, self.episodes = state["step"], state["updates_owed"], episodes
        self._task.restore(state["task"])
        for name, stream in self.streams.items():
            restore_stream(stream, state["streams"][name])
