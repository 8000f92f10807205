"""The network of one run: how it acts, and its updates on minibatches."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from replication.algorithms.off_policy.contract import Batch
from replication.algorithms.off_policy_vectors.contract import Algorithm
from replication.algorithms.perceptrons import Pass, Shape, fill_uniform, outputs_of_one
from replication.specification.families.off_policy_vectors import OffPolicyVectorsConfig
from replication.training.optimizers import Adam
from replication.training.replay.vectors import Columns


class Learner:
    """A network of values, its target, and its optimizer. The weights of each are one vector.

    Args:
        algorithm: of the run.
        config: its settings.
        observation_size: numbers of an observation.
        actions: how many there are.
        streams: the run's `initialisation`.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        config: OffPolicyVectorsConfig,
        observation_size: int,
        actions: int,
        streams: Mapping[str, np.random.Generator],
    ) -> None:
        self.algorithm, self.config, self.updates = algorithm, config, 0
        self._actions = actions
        shape = Shape((observation_size, *config.hidden_units, actions))
        self._online = torch.empty(shape.parameter_count)
        fill_uniform(shape, self._online, streams["initialisation"])
        self._target, self._gradient = self._online.clone(), torch.empty_like(self._online)
        self._optimizer = Adam([self._online], config.optimizer)
        self._layers, self._target_layers, self._gradients = map(
            shape.split, (self._online, self._target, self._gradient)
        )
        self._layers_of_one = [(weights.numpy(), biases.numpy()) for weights, biases in self._layers]
        self._pass, self._next_pass, self._target_pass = (Pass(shape, config.batch_size) for _ in range(3))

    def act(self, observation: NDArray[np.float32]) -> int:
        """Choose the action of the greatest value, the first of equal ones."""
        return int(outputs_of_one(self._layers_of_one, observation).argmax())

    def random_action(self, stream: np.random.Generator) -> int:
        """Draw an action, each as likely."""
        return int(stream.integers(self._actions))

    def update(self, batch: Columns) -> None:
        """Update the network on a minibatch, and the target where it follows each update.

        Raises:
            FloatingPointError: the loss is not a finite number.
        """
        values = self._pass.forward(self._layers, batch.observations).requires_grad_()

        def online(pixels: Tensor, *draws: Tensor) -> Tensor:
            return values if pixels is batch.observations else self._next_pass.forward(self._layers, pixels)

        def target(pixels: Tensor, *draws: Tensor) -> Tensor:
            return self._target_pass.forward(self._target_layers, pixels)

        transitions = Batch(
            s_tm1=batch.observations,
            a_tm1=batch.actions[:, 0].long(),
            r_t=batch.rewards,
            discount_t=self.config.discount * batch.goes_on,
            s_t=batch.next_observations,
        )
        loss = self.algorithm.loss(online, target, transitions, {}, self.config).per_transition.mean()
        if not math.isfinite(loss.item()):
            raise FloatingPointError(f"the loss is {loss.item()}")
        (gradient,) = torch.autograd.grad(loss, values)
        values.requires_grad_(False)  # the memory of the pass, which the next one writes into
        self._pass.backward(self._layers, gradient, self._gradients)
        if self.config.gradient_norm_clip is not None:
            norm = float(torch.linalg.vector_norm(self._gradient))
            self._gradient.mul_(min(1.0, self.config.gradient_norm_clip / (norm + _NORM_CONSTANT)))
        self._optimizer.step([self._gradient])
        self.updates += 1
        if self.config.target_period_steps is None:
            self._target.lerp_(self._online, self.config.tau)

    def end_step(self, step: int) -> None:
        """Move the target where that is due after so many steps."""
        period = self.config.target_period_steps
        if period is not None and step % period == 0:
            self._target.lerp_(self._online, self.config.tau)

    def evaluated(self) -> dict[str, Tensor]:
        """Return the parameters that an evaluation plays with, by name."""
        return {"online": self._online}

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor that learning changes, by name; they are filled in place when a run is resumed."""
        optimizer = {f"optimizer.{part}": tensor for part, tensor in self._optimizer.state().items()}
        return {"online": self._online, "target": self._target} | optimizer

    def is_finite(self) -> bool:
        """Return whether every number that learning changes is finite."""
        return all(bool(torch.isfinite(tensor).all()) for tensor in self.tensors().values())


_NORM_CONSTANT = 1e-6
"""Of torch.nn.utils.clip_grad_norm_."""
