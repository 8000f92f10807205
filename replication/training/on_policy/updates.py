"""Minibatches of a rollout, and steps of the optimizer on them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from replication.algorithms.on_policy.contract import Minibatch, Rollout, Targets
from replication.specification.families.on_policy import OnPolicyConfig, RolloutFrames
from replication.training.on_policy.stale_network import StaleNetwork
from replication.training.optimizers import Adam, RAdam, RMSProp


@dataclass(frozen=True)
class RolloutUpdates:
    """The updates on one rollout; `algorithms.on_policy.contract.Updates` says what its members mean.

    optimizer: takes the steps.
    config: the settings.
    steps: of the rollout, over all actors.
    stream: shuffles them.
    frames: when it was played.
    stale: computes the gradients; None: the network that is updated does.
    """

    optimizer: RMSProp | Adam | RAdam
    config: OnPolicyConfig
    steps: int
    stream: np.random.Generator
    frames: RolloutFrames
    stale: StaleNetwork | None = None

    def minibatches(self) -> Iterator[Tensor | slice]:
        config = self.config
        for _ in range(config.epochs):
            if config.minibatches == 1:  # in any order it is the same
                yield slice(None)
            elif config.minibatch_shuffle == "each_actor":
                yield from self._of_each_actor()
            else:
                order = torch.from_numpy(self.stream.permutation(self.steps))
                yield from order.tensor_split(config.minibatches)

    def _of_each_actor(self) -> Iterator[Tensor]:
        """Yield minibatches that hold as many steps of each actor, at least one; those of an actor are shuffled."""
        steps = np.arange(self.steps).reshape(-1, self.config.actors_a_rollout)  # those of an actor lie in a column
        shuffled = self.stream.permuted(steps, axis=0)
        for part in np.array_split(shuffled, min(self.config.minibatches, len(steps))):
            yield torch.from_numpy(part.reshape(-1))

    def step(self, loss: Tensor) -> None:
        if not math.isfinite(loss.item()):
            raise FloatingPointError(f"the loss is {loss.item()}")
        of_whom = self.optimizer.parameters if self.stale is None else list(self.stale.network.parameters())
        gradients = torch.autograd.grad(loss, of_whom)
        if self.stale is not None:
            self.stale.keep()
        rate_factor = self.config.learning_rate_schedule.factor(self.frames)
        self.optimizer.step(clipped_to_norm(gradients, self.config.max_gradient_norm), rate_factor)


def whole_batch(rollout: Rollout, targets: Targets, frames: RolloutFrames) -> Minibatch:
    """Put the steps of all actors behind each other, step by step: [steps, actors, ...] to [steps * actors, ...]."""
    parts = (rollout.actions, rollout.values, targets.advantages, targets.returns)
    actions, values, advantages, returns = (part.flatten(0, 1) for part in parts)
    outputs = type(rollout.outputs)(*(part.flatten(0, 1) for part in rollout.outputs))
    return Minibatch(actions, outputs, values, advantages, returns, frames)


def clipped_to_norm(gradients: tuple[Tensor, ...], most: float | None) -> tuple[Tensor, ...]:
    """Scale gradients so that the Euclidean norm of all of them together is at most `most`; None: as they are.

    Source: openai/baselines ea25b9e baselines/a2c/a2c.py:78 (tf.clip_by_global_norm).
    """
    if most is None:
        return gradients
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients]))
    factor = torch.clamp(most / norm, max=1.0)
    return tuple(gradient * factor for gradient in gradients)
