"""A replay memory of vectors: a transition is a row of float32 numbers, in a ring."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Columns(NamedTuple):
    """Transitions, float32 each; views of the rows of a memory or of a minibatch.

    observations, next_observations: [rows, numbers]. actions: [rows, dimensions].
    observations_and_actions: [rows, numbers + dimensions], the first two side by side.
    rewards: [rows]. goes_on: [rows], 0 where the task ended the episode; 1 else, at its cap too.
    """

    observations: Tensor
    actions: Tensor
    observations_and_actions: Tensor
    rewards: Tensor
    goes_on: Tensor
    next_observations: Tensor


class VectorReplay:
    """The newest transitions of a run. Memory is taken from the machine as it is filled.

    Args:
        capacity_steps: transitions that it holds.
        observation_size: numbers of an observation.
        action_size: numbers of an action.
        batch_size: transitions of a minibatch.
    """

    def __init__(self, capacity_steps: int, observation_size: int, action_size: int, batch_size: int) -> None:
        self._sizes = (observation_size, action_size)
        width = row_numbers(observation_size, action_size)
        self._rows: NDArray[np.float32] = np.zeros((capacity_steps, width), dtype=np.float32)
        self._tensor = torch.from_numpy(self._rows)
        self._batch = torch.empty(batch_size, width)
        self._columns = self._columns_of(self._batch)
        self.added = 0
        """Transitions that were ever added."""

    def __len__(self) -> int:
        """Return the number of transitions that it holds."""
        return min(self.added, len(self._rows))

    def add(
        self,
        observation: NDArray[np.float32],
        action: NDArray[np.float32],
        reward: float,
        next_observation: NDArray[np.float32],
        *,
        terminated: bool,
    ) -> None:
        """Add a transition, in place of the oldest where the memory is full.

        Args:
            observation: float32 [numbers].
            action: float32 [dimensions].
            reward: of the step.
            next_observation: float32 [numbers].
            terminated: the task ended the episode; False at a cap.
        """
        row = self._rows[self.added % len(self._rows)]
        seen, acted = self._sizes[0], sum(self._sizes)
        row[:seen] = observation
        row[seen:acted] = action
        row[acted] = reward
        row[acted + 1] = 0.0 if terminated else 1.0
        row[acted + 2 :] = next_observation
        self.added += 1

    def sample(self, stream: np.random.Generator) -> Columns:
        """Draw a minibatch, each transition as likely as any other, with replacement; overwritten by the next."""
        chosen = torch.from_numpy(stream.integers(len(self), size=len(self._batch)))
        torch.index_select(self._tensor, 0, chosen, out=self._batch)
        return self._columns

    def content(self) -> Tensor:
        """Return what it holds, float32 [transitions, numbers of a row], as it lies in memory."""
        return self._tensor[: len(self)]

    def restore(self, content: Tensor, added: int) -> None:
        """Hold what `content` returned once `added` transitions had been added."""
        self._tensor[: len(content)] = content
        self.added = added

    def _columns_of(self, rows: Tensor) -> Columns:
        seen, acted = self._sizes[0], sum(self._sizes)
        return Columns(
            observations=rows[:, :seen],
            actions=rows[:, seen:acted],
            observations_and_actions=rows[:, :acted],
            rewards=rows[:, acted],
            goes_on=rows[:, acted + 1],
            next_observations=rows[:, acted + 2 :],
        )


def row_numbers(observation_size: int, action_size: int) -> int:
    """Count the numbers of a transition."""
    return 2 * observation_size + action_size + 2
