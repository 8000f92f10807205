"""The members of an algorithm file, and what the training loop passes to them. An algorithm describes ONE run.

An algorithm is a module of `replication.algorithms.on_policy`, found by its name, with the members of `Algorithm`.
Playing, rollouts, epochs and minibatches, the optimiser, schedules and checkpoints belong to `replication.training`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from torch import Tensor, nn

from replication.algorithms.modules import algorithm_module
from replication.specification.families.on_policy import OnPolicyConfig, RolloutFrames


@dataclass(frozen=True)
class Rollout:
    """What the actors of a run have just played by one policy, in the order of time: all [steps, actors].

    rewards: float32, as they are learned from. actions: int64, taken in the states.
    outputs: of the network, in the states, each of its tensors [steps, actors, ...].
    values: float32, of the states, as `state_values` reads them from the outputs.
    next_values: float32, of the states that the actions led to: 0 where that ended the trajectory, a game over or a
        lost life; of the state at the cap where a trajectory was truncated, and 0 where the settings say that the cap
        is an end.
    cut: bool, True where another trajectory begins with the next step, whatever ended this one.
    """

    rewards: Tensor
    actions: Tensor
    outputs: Any
    values: Tensor
    next_values: Tensor
    cut: Tensor


class Targets(NamedTuple):
    """What a rollout teaches, float32 [steps, actors] each, without gradient."""

    advantages: Tensor
    """By how much an action turned out better than the policy does in its state."""
    returns: Tensor
    """What values are moved towards."""


@dataclass(frozen=True)
class Minibatch:
    """Some of the steps of a rollout, in any order.

    actions: int64 [batch]. outputs: of the network as it acted, each of its tensors [batch, ...].
    values: float32 [batch], of the states as it acted. advantages, returns: float32 [batch], of `Targets`.
    frames: when the rollout was played, for what follows a schedule.
    """

    actions: Tensor
    outputs: Any
    values: Tensor
    advantages: Tensor
    returns: Tensor
    frames: RolloutFrames


class Algorithm(Protocol):
    """The members of an algorithm module."""

    PAPER: str
    Config: type[OnPolicyConfig]

    def network(self, config: Any, num_actions: int) -> nn.Module:
        """Build the network, uninitialised.

        Called with uint8 pixels [batch, stack, 84, 84] it gives its outputs, a named tuple of tensors [batch, ...], of
        which `logits`, float32 [batch, actions], are the policy: logarithms of probabilities, up to a constant.
        Its `embed(pixels)` gives the last hidden layer, float32 [batch, units].
        """

    def initialise(self, network: Any, stream: np.random.Generator, config: Any) -> None:
        """Fill every parameter from the stream."""

    def act(self, outputs: Any, draws: Tensor) -> Tensor:
        """Choose an action for each state, int64 [batch].

        Args:
            outputs: of the network.
            draws: float32 [batch, actions], uniform on [0, 1), by which each action is chosen as often as its
                probability says; all equal where the likeliest one is asked for.
        """

    def state_values(self, outputs: Any, config: Any) -> Tensor:
        """Return what the network's outputs say a state is worth, float32 [batch]; 0 where nothing is learned of it."""

    def targets(self, rollout: Rollout, config: Any) -> Targets:
        """Compute what a rollout teaches: a step by what followed it in its own trajectory, whatever others earned."""

    def loss(self, outputs: Any, batch: Minibatch, config: Any) -> Tensor:
        """Compute the loss of a minibatch, a single number, of the network's outputs in its states, with gradient."""


def load_algorithm(name: str) -> Algorithm:
    """Import the module of an algorithm: one of replication.algorithms.on_policy, or a file elsewhere.

    Raises:
        ReplicationError: no such module.
    """
    return cast(Algorithm, algorithm_module("on_policy", name))
