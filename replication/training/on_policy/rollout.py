"""What the actors of a run play between two rounds of updates, as it is collected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from replication.algorithms.on_policy.contract import Rollout

_FIRST_ROWS = 128
"""Steps for which there is room at first, where a rollout ends with a trajectory; doubled as often as needed."""


class RolloutStore:
    """The steps of one rollout, in the order of time. It is filled again and again.

    Args:
        steps: of each actor; None: as many as a trajectory has.
        stacks: uint8 [actors, 84, 84, stack] or float32 [actors, numbers], of the size that is kept of each step.
            They are of the actors that play a rollout.
    """

    def __init__(self, steps: int | None, stacks: NDArray[Any]) -> None:
        self._states = np.empty((steps or _FIRST_ROWS, *stacks.shape), dtype=stacks.dtype)
        self.clear(slice(len(stacks)))

    def clear(self, playing: slice) -> None:
        """Drop all steps; these actors play the next ones."""
        self.playing = playing
        self.steps = 0
        self.finished_trajectories = 0
        self._outputs: list[Any] = []
        self._actions: list[Tensor] = []
        self._rewards: list[NDArray[np.float32]] = []
        self._values: list[Tensor] = []
        self._ended: list[NDArray[np.bool_]] = []
        self._values_at_end: list[NDArray[np.float32]] = []
        self._truncated: list[tuple[int, int, NDArray[Any]]] = []

    def begin_step(self, states: NDArray[Any], outputs: Any, values: Tensor, actions: Tensor) -> None:
        """Keep what was seen, what the network said of it, and what is done."""
        if self.steps == len(self._states):
            self._states = np.concatenate([self._states, np.empty_like(self._states)])
        self._states[self.steps] = states
        self._outputs.append(outputs)
        self._values.append(values)
        self._actions.append(actions)

    def end_step(self, rewards: Sequence[float], ended: Sequence[bool], values_at_end: NDArray[np.float32]) -> None:
        """Keep what it led to.

        Args:
            rewards: of each actor, as it learns from them.
            ended: where a trajectory ended.
            values_at_end: float32 [actors], of the state reached there, 0 where nothing can follow it.
        """
        self._rewards.append(np.array(rewards, dtype=np.float32))
        self._ended.append(np.array(ended, dtype=np.bool_))
        self._values_at_end.append(values_at_end)
        self.steps += 1
        self.finished_trajectories += sum(ended)

    def keep_truncated(self, actor: int, state: NDArray[Any]) -> None:
        """Keep the state that an actor reached in the step under way, whose end cuts its trajectory."""
        self._truncated.append((self.steps, actor, state.copy()))

    @property
    def truncated(self) -> tuple[list[int], list[int], list[NDArray[Any]]]:
        """Steps, actors, and the states reached there, of the trajectories that were cut and whose state is kept."""
        steps, actors, states = ([kept[part] for kept in self._truncated] for part in range(3))
        return steps, actors, states

    @property
    def states(self) -> Tensor:
        """The states that were acted in, [steps, actors, ...]; valid until the next `begin_step`."""
        return torch.from_numpy(self._states[: self.steps])

    def rollout(self, last_values: Tensor) -> Rollout:
        """Put the steps together.

        Args:
            last_values: float32 [actors], of the states in which the next step will be taken.
        """
        values, cut = torch.stack(self._values), torch.from_numpy(np.stack(self._ended))
        following = torch.cat([values[1:], last_values[None]])
        return Rollout(
            rewards=torch.from_numpy(np.stack(self._rewards)),
            actions=torch.stack(self._actions),
            outputs=type(self._outputs[0])(*(torch.stack(part) for part in zip(*self._outputs, strict=True))),
            values=values,
            next_values=torch.where(cut, torch.from_numpy(np.stack(self._values_at_end)), following),
            cut=cut,
        )
