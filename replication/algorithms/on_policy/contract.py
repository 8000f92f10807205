"""The members of an algorithm file, and what the training loop passes to them. An algorithm describes ONE run.

An algorithm is a module of `replication.algorithms.on_policy`, found by its name, with the members of `Algorithm`, and
those of `OwnUpdate` where more happens on a rollout than steps of the optimizer, or something else. Playing, rollouts,
epochs and minibatches, the optimizer, schedules and checkpoints belong to `replication.training`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from torch import Tensor, nn

from replication.algorithms.modules import algorithm_module
from replication.algorithms.policy_networks import Spaces
from replication.specification.families.on_policy import OnPolicyConfig, RolloutFrames


@dataclass(frozen=True)
class Rollout:
    """What the actors of a run have just played by one policy, in the order of time: all [steps, actors].

    rewards: float32, as they are learned from. actions: int64, taken in the states; of vectors float32 [steps, actors,
        dimensions], as they were drawn, not yet brought between the bounds of the task.
    outputs: of the network, in the states, each of its tensors [steps, actors, ...].
    values: float32, of the states, as `state_values` reads them from the outputs, in the unit of the rewards.
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
    """Some or all of the steps of a rollout, in any order.

    actions: int64 [batch], of vectors float32 [batch, dimensions], as in `Rollout`.
    outputs: of the network as it acted, each of its tensors [batch, ...].
    values: float32 [batch], of the states as it acted. advantages, returns: float32 [batch], of `Targets`. Where the
        settings normalize returns, returns and values are in that unit.
    frames: when the rollout was played, for what follows a schedule.
    """

    actions: Tensor
    outputs: Any
    values: Tensor
    advantages: Tensor
    returns: Tensor
    frames: RolloutFrames

    def part(self, chosen: Tensor | slice) -> Minibatch:
        """Select some of its steps, by their places int64 [part]."""
        return replace(
            self,
            actions=self.actions[chosen],
            outputs=type(self.outputs)(*(part[chosen] for part in self.outputs)),
            values=self.values[chosen],
            advantages=self.advantages[chosen],
            returns=self.returns[chosen],
        )


class Algorithm(Protocol):
    """The members of an algorithm module."""

    PAPER: str
    Config: type[OnPolicyConfig]

    def network(self, config: Any, spaces: Spaces) -> nn.Module:
        """Build the network, uninitialised.

        Called with uint8 pixels [batch, stack, 84, 84], or with vectors float32 [batch, numbers], it gives its outputs,
        a named tuple of tensors [batch, ...]. Where actions are numbers of a list, its `logits`, float32 [batch,
        actions], are the policy: logarithms of probabilities, up to a constant. Where they are vectors, `means` and
        `log_deviations` are, float32 [batch, dimensions] each. Where actions are chosen by their values, there are
        `action_values`, float32 [batch, actions], in the place of logits.
        Its `embed` of the same gives the last hidden layer, float32 [batch, units].

        Args:
            config: the settings.
            spaces: what the policy sees and does.
        """

    def initialise(self, network: Any, stream: np.random.Generator, config: Any) -> None:
        """Fill every parameter from the stream."""

    def act(self, outputs: Any, draws: Tensor) -> Tensor:
        """Choose an action for each state, int64 [batch]; of vectors float32 [batch, dimensions].

        Args:
            outputs: of the network.
            draws: float32 [batch, actions], uniform on [0, 1), by which each action is chosen as often as its
                probability says; all equal where the likeliest one is asked for. Of vectors standard normal numbers,
                float32 [batch, dimensions]; all 0 where the likeliest one is asked for. The action of the largest value
                is chosen whatever they are: exploration is the loop's.
        """

    def state_values(self, outputs: Any, config: Any) -> Tensor:
        """Return what the network's outputs say a state is worth, float32 [batch]; 0 where nothing is learned of it."""

    def targets(self, rollout: Rollout, config: Any) -> Targets:
        """Compute what a rollout teaches: a step by what followed it in its own trajectory, whatever others earned."""

    def loss(self, outputs: Any, batch: Minibatch, config: Any) -> Tensor:
        """Compute the loss of a minibatch, a single number, of the network's outputs in its states, with gradient."""


class Updates(Protocol):
    """What the training loop does for an algorithm with an update of its own, on one rollout."""

    def minibatches(self) -> Iterator[Tensor | slice]:
        """Yield the places of the steps of each minibatch of each epoch."""

    def step(self, loss: Tensor) -> None:
        """Take a step of the optimizer against a loss, at the rate of its schedule, the norm of the gradient clipped.

        Raises:
            FloatingPointError: the loss is not a finite number.
        """


class OwnUpdate(Protocol):
    """The members that a module has beside those of `Algorithm` where it updates its network in a way of its own.

    Whatever it keeps from one rollout to the next is a buffer of its network, and so a part of checkpoints.
    """

    def optimized(self, network: Any) -> Sequence[Tensor]:
        """Return the parameters that steps of the optimizer move."""

    def update(self, network: Any, states: Tensor, batch: Minibatch, updates: Updates, config: Any) -> None:
        """Update the network on a rollout.

        Args:
            network: changes in place.
            states: as the network is called with them, uint8 [steps * actors, stack, 84, 84] or float32
                [steps * actors, numbers], one step's of all actors behind each other.
            batch: what else is known of all of them, in the same order.
            updates: minibatches and steps of the optimizer.
            config: the settings.

        Raises:
            FloatingPointError: what it computes is not finite.
        """


def load_algorithm(name: str) -> Algorithm:
    """Import the module of an algorithm: one of replication.algorithms.on_policy, or a file elsewhere.

    Raises:
        ReplicationError: no such module.
    """
    return cast(Algorithm, algorithm_module("on_policy", name))
