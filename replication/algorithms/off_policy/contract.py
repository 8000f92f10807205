"""The members of an algorithm file, and what the training loop passes to them. An algorithm describes ONE run.

An algorithm is a module of `replication.algorithms.off_policy`, found by its name, with the members of `Algorithm`.
Acting, replay, target copies, the reduction over the batch, the optimiser, schedules and checkpoints belong to
`replication.training`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

import numpy as np
from torch import Tensor, nn

from replication.algorithms.modules import algorithm_module
from replication.specification.families.off_policy import OffPolicyConfig


class Forward(Protocol):
    """A network bound to its parameters."""

    def __call__(self, pixels: Tensor, *draws: Tensor) -> Any:
        """Compute the outputs from uint8 pixels [batch, stack, 84, 84] and the random arrays it may need.

        The outputs are a tensor. A loss may pass other arrays than acting does, and get several tensors.
        """


@dataclass(frozen=True)
class Future:
    """The steps that follow the first states of a minibatch, `config.future_steps` of them.

    states: uint8 [batch, steps, stack, 84, 84], of one to `steps` steps later; zeros where the trajectory is over.
    actions: int64 [batch, steps], taken in them; 0 where the trajectory is over.
    goes_on: float32 [batch, steps], 1 until an action before a state or the one taken in it ends the trajectory: then,
        and from then on, it is over and this is 0.
    """

    states: Tensor
    actions: Tensor
    goes_on: Tensor


@dataclass(frozen=True)
class Batch:
    """A minibatch of transitions in the paper's time indices: acted in s_tm1, arrived in s_t.

    s_tm1, s_t: uint8 [batch, stack, 84, 84] (channels-last memory), oldest frame first.
    a_tm1: int64 [batch]. r_t: float32 [batch], clipped rewards, summed over n steps with their discounts.
    discount_t: float32 [batch], gamma to the number of steps between, or 0 where the trajectory ended.
    future: the states in between and their actions, where the settings ask for some.
    """

    s_tm1: Tensor
    a_tm1: Tensor
    r_t: Tensor
    discount_t: Tensor
    s_t: Tensor
    future: Future | None = None


@dataclass(frozen=True)
class Losses:
    """The result of a loss: float32 [batch] each.

    per_transition is reduced over the batch and differentiated; priority is that of prioritised replay.
    td_error is the absolute TD error of the expected values, for the TD-error curve, which clips it at 1; None: the
    priority is that, clipped or not. Both are without gradient.
    """

    per_transition: Tensor
    priority: Tensor
    td_error: Tensor | None = None


@dataclass(frozen=True)
class DrawSpec:
    """A random array, drawn outside the algorithm: for a loss from the stream `loss`, to act from `exploration`."""

    distribution: Literal["uniform", "normal", "zeros"]
    """On [0, 1), or of mean 0 and deviation 1; zeros where noise is off."""
    shape: tuple[int, ...]
    per_transition: bool
    """True: each transition or state of the batch has an array of its own, [batch, *shape]."""


class Algorithm(Protocol):
    """The members of an algorithm module."""

    PAPER: str
    Config: type[OffPolicyConfig]

    def network(self, config: Any, num_actions: int) -> nn.Module:
        """Build the network, uninitialised.

        Called with pixels and then the arrays of `acting_draws_spec`, in that order. Its `embed(pixels)` gives the last
        hidden layer without noise, float32 [batch, units].
        """

    def initialise(self, network: nn.Module, stream: np.random.Generator, config: Any) -> None:
        """Fill every parameter from the stream."""

    def action_values(self, outputs: Tensor, config: Any) -> Tensor:
        """Compute Q(s, a), float32 [batch, actions], from the network's outputs, to act on and to plot."""

    def acting_draws_spec(self, config: Any, num_actions: int, *, evaluating: bool) -> Mapping[str, DrawSpec]:
        """Return the random arrays that the network needs to act, in the order in which it takes them."""

    def draws_spec(self, config: Any, num_actions: int) -> Mapping[str, DrawSpec]:
        """Return the random arrays that `loss` needs, by name."""

    def loss(self, online: Forward, target: Forward, batch: Batch, draws: Mapping[str, Tensor], config: Any) -> Losses:
        """Compute the loss of each transition."""


def load_algorithm(name: str) -> Algorithm:
    """Import the module of an algorithm: one of replication.algorithms.off_policy, or a file elsewhere.

    Raises:
        ReplicationError: no such module.
    """
    return cast(Algorithm, algorithm_module("off_policy", name))
