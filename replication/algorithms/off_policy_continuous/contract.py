"""The members of an algorithm file, and what the training loop passes to them. An algorithm describes ONE run.

An algorithm is a module of `replication.algorithms.off_policy_continuous`, found by its name, with the members of
`Algorithm`. The networks are the family's (perceptrons.py): an actor, and critics beside one another. Acting, replay,
gradients through the networks, optimisers, targets that follow, and checkpoints belong to `replication.training`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, cast

from torch import Tensor

from replication.algorithms.modules import algorithm_module
from replication.specification.families.off_policy_continuous import OffPolicyContinuousConfig


@dataclass(frozen=True)
class ActionBounds:
    """Least and greatest action: float32 [dimensions] each."""

    low: Tensor
    high: Tensor

    @property
    def half_range(self) -> Tensor:
        """Half the distance between the bounds; the largest action, where they lie on both sides of 0."""
        return (self.high - self.low) / 2


class Loss(NamedTuple):
    """A loss of the values that critics give, and its gradient with respect to them.

    loss: a single number. gradient: float32, of the shape of the values.
    """

    loss: Tensor
    gradient: Tensor


class Algorithm(Protocol):
    """The members of an algorithm module. Nothing in it keeps a state."""

    PAPER: str
    Config: type[OffPolicyContinuousConfig]
    NUM_CRITICS: int
    """Critics that are trained beside one another, each with weights of its own."""
    SMOOTHS_TARGETS: bool
    """Whether `target_actions` is given noise; it is None otherwise, and nothing is drawn."""

    def target_actions(self, actions: Tensor, noise: Tensor | None, bounds: ActionBounds, config: Any) -> Tensor:
        """Return the actions whose value the target holds.

        Args:
            actions: float32 [batch, dimensions], of the target actor in the next states.
            noise: as many standard normal numbers; None where the algorithm asks for none.
            bounds: of the task's actions.
            config: the settings.
        """

    def targets(self, rewards: Tensor, goes_on: Tensor, next_values: Tensor, config: Any) -> Tensor:
        """Compute what the critics are moved towards, float32 [batch].

        Args:
            rewards: float32 [batch].
            goes_on: float32 [batch], 0 where the task ended the episode; 1 else, at its cap too.
            next_values: float32 [critics, batch], of the target critics.
            config: the settings.
        """

    def critic_loss(self, values: Tensor, targets: Tensor, config: Any) -> Loss:
        """Compute the loss of the critics: values float32 [critics, batch], targets float32 [batch]."""

    def actor_loss(self, values: Tensor, config: Any) -> Loss:
        """Compute the loss of the actor from the first critic's values of its actions, float32 [batch]."""

    def updates_actor(self, update: int, config: Any) -> bool:
        """Return whether the actor is updated, and targets follow, in this update of the critics; 0: the first."""


def load_algorithm(name: str) -> Algorithm:
    """Import the module of an algorithm: one of replication.algorithms.off_policy_continuous, or a file elsewhere.

    Raises:
        ReplicationError: no such module.
    """
    return cast(Algorithm, algorithm_module("off_policy_continuous", name))
