"""One task of Gymnasium as a simulator: what its registry wraps around it (time limits, checks) is taken off."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from replication.environments.contract import ActionCodec, ContinuousActions, DiscreteActions
from replication.environments.gymnasium.physics import make_drawn_environment, make_environment, physics_of
from replication.foundation.errors import ReplicationError
from replication.specification.tasks.gymnasium_tasks import GymnasiumTask

_START_BYTES = 8


class GymnasiumSimulator:
    """One task, a step at a time.

    All that is random in an episode, its starting state above all, follows from the number that Gymnasium is seeded
    with at its start. So an episode is that number and its actions, which are a saved state too: it is played again.
    That holds for any task whatever it keeps where. Of MuJoCo too, to the last bit: a reset sets everything, also where
    the solver starts. A thousand steps take milliseconds; of MuJoCo, less than a tenth of a second.
    """

    def __init__(self, task: GymnasiumTask, *, drawn: bool = False) -> None:
        """Make it, at the start of the episode 0.

        Args:
            task: what is played.
            drawn: True where pictures will be asked for.

        Raises:
            ReplicationError: it cannot be made; its actions are neither numbers from 0 on nor one vector of bounded
                numbers.
        """
        self._id, self._content = task.environment_id, task.unknown_content
        self._make = make_drawn_environment if drawn else make_environment
        self._environment: Any = self._make(self._id)
        self._physics = physics_of(self._environment)
        self.actions: ActionCodec = actions_of_space(self._environment.action_space, task)
        self.reset()

    @property
    def fingerprint(self) -> Mapping[str, str]:
        return {
            "environment_id": self._id,
            "gymnasium_version": version("gymnasium"),
            "numpy_version": version("numpy"),
            "arithmetic": arithmetic_digest(),
            **self._physics.fingerprint,
            **({} if self._content is None else {"task_content": self._content}),
        }

    def reset(self, start: int = 0) -> None:
        """Begin an episode.

        Args:
            start: seeds it, 0 <= start < 2^63; equal ones begin equally.
        """
        if self._physics.is_hidden:
            self._environment = self._make(self._id)
        observation, _ = self._environment.reset(seed=start)
        self.start = start
        self.given: list[Any] = []
        """The actions of the episode so far."""
        self.terminated = False
        self._physics.begin(observation)
        self.observation: NDArray[np.float32] = np.asarray(observation, np.float32)

    def act(self, action: Any, /) -> float:
        given = int(action) if isinstance(self.actions, DiscreteActions) else np.array(action, np.float32)
        observation, reward, terminated, _, _ = self._environment.step(given)
        self.given.append(given)
        self.terminated = bool(terminated)
        self._physics.note(observation, reward, self.terminated)
        self.observation = np.asarray(observation, np.float32)
        return float(reward)

    def picture(self) -> NDArray[np.uint8]:
        """Draw the state, uint8 [height, width, 3]; only of a simulator that is drawn."""
        return np.asarray(self._environment.render(), np.uint8)

    @property
    def steps_per_second(self) -> int:
        """Agent steps a second, as the environment says that it is to be shown; 30 where it says nothing."""
        return int(self._environment.metadata.get("render_fps", 30))

    def state_digest(self) -> str:
        stream = repr(self._environment.np_random.bit_generator.state)
        content = self._physics.state() + self.observation.tobytes() + bytes([self.terminated]) + stream.encode()
        return hashlib.sha256(content).hexdigest()[:16]

    def save(self) -> bytes:
        return self.start.to_bytes(_START_BYTES, "little") + self.actions.to_bytes(self.given)

    def restore(self, state: bytes) -> None:
        self.reset(int.from_bytes(state[:_START_BYTES], "little"))
        for action in self.actions.from_bytes(state[_START_BYTES:]):
            self.act(action)


@cache
def arithmetic_digest() -> str:
    """Return 16 hexadecimal digits of a digest of sines and cosines as this machine computes them.

    NumPy takes other code for them on processors with other vector instructions, and last digits differ. An episode
    played on one such machine may come out differently on another.
    """
    points = [0.01 * number for number in range(-300, 301)]
    values = [function(point) for function in (np.sin, np.cos, math.sin, math.cos) for point in points]
    return hashlib.sha256(np.array(values, np.float64).tobytes()).hexdigest()[:16]


def actions_of_space(space: Any, task: GymnasiumTask) -> ActionCodec:
    """Return the actions of a task as traces keep them.

    Args:
        space: Gymnasium's.
        task: is named in messages.

    Raises:
        ReplicationError: they are neither numbers from 0 on nor one vector of bounded numbers.
    """
    if isinstance(space, gymnasium.spaces.Discrete) and space.start == 0 and space.n <= 256:
        return DiscreteActions(codes=tuple(range(int(space.n))))
    if isinstance(space, gymnasium.spaces.Box) and len(space.shape) == 1 and space.is_bounded():
        return ContinuousActions(low=tuple(map(float, space.low)), high=tuple(map(float, space.high)))
    raise ReplicationError(
        f"task {task.name}: actions: found {space}, expected numbers from 0 on or one vector of bounded numbers"
    )
