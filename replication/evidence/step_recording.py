"""Recording of a task that is no game, episode by episode."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from replication.environments.contract import StepResult
from replication.environments.gymnasium.presentation import PresentedGymnasium
from replication.environments.gymnasium.simulator import GymnasiumSimulator
from replication.evidence.step_trace import StepEpisode, StepTrace, StepTraceHeader
from replication.evidence.trace_container import Ending, Purpose
from replication.specification.protocols import GymnasiumPresentation
from replication.specification.run import Run
from replication.specification.tasks.gymnasium_tasks import GymnasiumTask


class RecordedSteps:
    """A task as a protocol shows it, whose finished episodes are kept."""

    def __init__(
        self, run: Run, presentation: GymnasiumPresentation, purpose: Purpose, start_stream: np.random.Generator
    ) -> None:
        assert isinstance(run.task, GymnasiumTask), f"{run.name}: its task is none of Gymnasium"
        self._run = run
        self._purpose = purpose
        self._simulator = GymnasiumSimulator(run.task)
        self._task = PresentedGymnasium(run.task, self._simulator, presentation, start_stream)
        self._episodes: list[StepEpisode] = []

    @property
    def shown(self) -> NDArray[np.float32]:
        return self._task.observation

    def begin_episode(self) -> None:
        self._task.begin_episode()

    def step(self, action: Any, /) -> StepResult:
        return self._task.step(action)

    def finish_episode(self, ending: Ending) -> None:
        simulator = self._simulator
        actions = simulator.actions.from_bytes(simulator.actions.to_bytes(simulator.given))
        self._episodes.append(
            StepEpisode(simulator.start, actions, self._task.episode_return, ending, simulator.state_digest())
        )

    def trace(self) -> StepTrace:
        run, of_training = self._run, self._purpose == "periodic_evaluation"
        header = StepTraceHeader(
            variant=run.variant.variant,
            protocol=run.protocol.protocol,
            seed=run.seed,
            purpose=self._purpose,
            # An evaluation within training belongs to it, whatever its budget: a longer one goes on with it.
            result_digest=run.training_digest if of_training else run.result_digest,
            environment=run.task.kind,
            task=run.task.name,
            fingerprint=dict(self._simulator.fingerprint),
            actions=self._simulator.actions,
        )
        return StepTrace(header, tuple(self._episodes))
