"""What a lane and a learner provide to the loop, checkpoints, evaluations and records around them.

So do the lanes and learners of agents with continuous actions, and of those with values of a few actions on vectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from replication.environments.contract import ActionCodec
from replication.evidence.scores import EpisodeRecord
from replication.specification.run import Run
from replication.training.replay.vectors import Columns, VectorReplay


class AnyLane(Protocol):
    """The task of one run as its agent plays it in training; no network."""

    run: Run
    config: Any
    """The settings of its family, with `replay_capacity_steps` and `updates_a_step`."""
    streams: dict[str, np.random.Generator]
    replay: VectorReplay
    observation_size: int
    """Numbers of an observation."""
    step: int
    """Steps taken."""
    updates_owed: int
    """Updates that fall on the steps so far and are not made yet."""
    episodes: list[EpisodeRecord]
    """The finished ones."""

    @property
    def actions(self) -> ActionCodec:
        """The actions of the task."""

    @property
    def noise_state(self) -> NDArray[np.float64]:
        """What is left of the noise of earlier steps; of no numbers where there is none."""

    @property
    def done(self) -> bool:
        """True once the budget is spent, and what it teaches is learned."""

    @property
    def recent_return(self) -> float | None:
        """Mean raw return of the last hundred training episodes; None before the first has ended."""

    def play(self, act: Any) -> None:
        """Take a step, as `act` or at random, and count the updates that fall on it."""

    def state(self) -> dict[str, Any]:
        """Return plain data from which `restore` continues exactly, given the content of the replay memory."""

    def restore(self, state: dict[str, Any], episodes: list[EpisodeRecord]) -> None:
        """Continue where `state` was taken, with these finished episodes."""


class AnyLearner(Protocol):
    """The networks of one run: how it acts, and its updates on minibatches."""

    updates: int
    """Made so far."""

    def act(self, observation: NDArray[np.float32]) -> Any:
        """Choose the action in a state, without exploration."""

    def random_action(self, stream: np.random.Generator) -> Any:
        """Draw an action uniformly."""

    def update(self, batch: Columns) -> None:
        """Learn from a minibatch.

        Raises:
            FloatingPointError: a loss is not a finite number.
        """

    def end_step(self, step: int) -> None:
        """Do what falls on a step apart from updates."""

    def evaluated(self) -> dict[str, Tensor]:
        """Return the parameters that an evaluation plays with, by name."""

    def tensors(self) -> Mapping[str, Tensor]:
        """Return every tensor that learning changes, by name; they are filled in place when a run is resumed."""

    def is_finite(self) -> bool:
        """Return whether every number that learning changes is finite."""
