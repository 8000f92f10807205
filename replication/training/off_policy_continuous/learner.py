"""The networks of one run: how the actor acts, and the updates of actor and critics on minibatches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from replication.algorithms.off_policy_continuous.contract import ActionBounds, Algorithm, Loss
from replication.algorithms.perceptrons import Pass, Shape, fill_uniform, outputs_of_one
from replication.environments.contract import ContinuousActions
from replication.specification.families.off_policy_continuous import OffPolicyContinuousConfig
from replication.training.optimizers import Adam
from replication.training.replay.vectors import Columns


class Learner:
    """An actor and its critics, their targets, and their optimizers. The weights of each are one vector.

    Args:
        algorithm: of the run.
        config: its settings.
        observation_size: numbers of an observation.
        actions: of the task.
        streams: the run's `initialisation` and `target_noise`.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        config: Any,
        observation_size: int,
        actions: ContinuousActions,
        streams: Mapping[str, np.random.Generator],
    ) -> None:
        self.algorithm = algorithm
        self.config: OffPolicyContinuousConfig = config
        self.updates = 0
        """Of the critics."""
        self.bounds = ActionBounds(torch.tensor(actions.low), torch.tensor(actions.high))
        self._middle, self._half_range = (self.bounds.high + self.bounds.low) / 2, self.bounds.half_range
        of_bounds = (self._middle, self._half_range, self.bounds.low, self.bounds.high)
        self._range_of_one = tuple(bound.numpy() for bound in of_bounds)
        self._noise_stream = streams["target_noise"]
        actor, critic = shapes(self.config, observation_size, len(actions.low))
        count = algorithm.NUM_CRITICS
        self._actor, self._critics = torch.empty(actor.parameter_count), torch.empty(count * critic.parameter_count)
        fill_uniform(
            actor, self._actor, streams["initialisation"], config.actor.output_limit, config.actor.hidden_limit
        )
        for part in self._critics.chunk(count):
            limits = (config.critic.output_limit, config.critic.hidden_limit)
            fill_uniform(critic, part, streams["initialisation"], *limits)
        self._target_actor, self._target_critics = self._actor.clone(), self._critics.clone()
        self._actor_gradient, self._critic_gradient = torch.empty_like(self._actor), torch.empty_like(self._critics)
        self._actor_optimizer = Adam([self._actor], config.actor.optimizer)
        self._critic_optimizer = Adam([self._critics], config.critic.optimizer)
        self._actor_layers = actor.split(self._actor)
        self._target_actor_layers = actor.split(self._target_actor)
        self._actor_gradients = actor.split(self._actor_gradient)
        of_critics = (self._critics, self._target_critics, self._critic_gradient)
        self._critic_layers, self._target_critic_layers, self._critic_gradients = (
            [critic.split(part) for part in flat.chunk(count)] for flat in of_critics
        )
        self._layers_of_one = [(weights.numpy(), biases.numpy()) for weights, biases in self._actor_layers]
        self._actor_pass = Pass(actor, config.batch_size)
        self._critic_passes = [Pass(critic, config.batch_size) for _ in range(count)]
        self._values = torch.empty(count, config.batch_size)
        self._normal = torch.empty(config.batch_size, len(actions.low))

    def act(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """Choose the actor's action in a state, without noise: float32 [dimensions]."""
        middle, half_range, low, high = self._range_of_one
        action = half_range * np.tanh(outputs_of_one(self._layers_of_one, observation)) + middle
        bounded: NDArray[np.float32] = np.minimum(np.maximum(action, low), high)  # a sum may be rounded beyond
        return bounded

    @torch.no_grad()
    def update(self, batch: Columns) -> None:
        """Update the critics on a minibatch, and the actor and the targets where the algorithm says so.

        Raises:
            FloatingPointError: a loss is not a finite number.
        """
        self._update_critics(batch)
        if self.algorithm.updates_actor(self.updates, self.config):
            self._update_actor(batch)
            self._target_critics.lerp_(self._critics, self.config.tau)
            self._target_actor.lerp_(self._actor, self.config.tau)
        self.updates += 1

    def _update_critics(self, batch: Columns) -> None:
        algorithm, config = self.algorithm, self.config
        outputs = self._actor_pass.forward(self._target_actor_layers, batch.next_observations)
        actions = self._scaled(torch.tanh(outputs))
        actions = algorithm.target_actions(actions, self._target_noise(), self.bounds, config)
        next_values = self._values_of(self._target_critic_layers, batch.next_observations, actions)
        targets = algorithm.targets(batch.rewards, batch.goes_on, next_values, config)
        values = self._values_of(self._critic_layers, batch.observations, batch.actions)
        gradients = _finite(algorithm.critic_loss(values, targets, config), "critic")
        for number, critic_pass in enumerate(self._critic_passes):
            layers, into = self._critic_layers[number], self._critic_gradients[number]
            critic_pass.backward(layers, gradients[number][:, None], into)
        if config.critic.weight_decay:
            self._critic_gradient.add_(self._critics, alpha=config.critic.weight_decay)
        self._critic_optimizer.step([self._critic_gradient])

    def _update_actor(self, batch: Columns) -> None:
        first, layers = self._critic_passes[0], self._critic_layers[0]
        squashed = torch.tanh(self._actor_pass.forward(self._actor_layers, batch.observations))
        values = first.forward(layers, batch.observations, self._scaled(squashed))[:, 0]
        gradient = _finite(self.algorithm.actor_loss(values, self.config), "actor")
        to_actions = first.backward_to_extra(layers, gradient[:, None])
        to_outputs = to_actions * self._half_range * (1.0 - squashed.square())  # tanh' = 1 - tanh^2
        self._actor_pass.backward(self._actor_layers, to_outputs, self._actor_gradients)
        self._actor_optimizer.step([self._actor_gradient])

    def _scaled(self, squashed: Tensor) -> Tensor:
        """Bring numbers from -1 to 1 between the bounds of actions."""
        return torch.addcmul(self._middle, squashed, self._half_range)

    def _target_noise(self) -> Tensor | None:
        if not self.algorithm.SMOOTHS_TARGETS:
            return None
        self._noise_stream.standard_normal(dtype=np.float32, out=self._normal.numpy())
        return self._normal

    def _values_of(self, critics: list[list[tuple[Tensor, Tensor]]], observations: Tensor, actions: Tensor) -> Tensor:
        """Compute what each critic says of actions, float32 [critics, batch]; overwritten by the next call."""
        for number, (critic_pass, layers) in enumerate(zip(self._critic_passes, critics, strict=True)):
            self._values[number] = critic_pass.forward(layers, observations, actions)[:, 0]
        return self._values

    def random_action(self, stream: np.random.Generator) -> NDArray[np.float32]:
        """Draw an action uniformly between the bounds, float32 [dimensions]."""
        return stream.uniform(self.bounds.low.numpy(), self.bounds.high.numpy()).astype(np.float32)

    def end_step(self, step: int) -> None:
        """Do nothing: targets follow with updates."""

    def evaluated(self) -> dict[str, Tensor]:
        """Return the parameters that an evaluation plays with, by name."""
        return {"actor": self._actor}

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor that learning changes, by name; they are filled in place when a run is resumed."""
        named = {
            "actor": self._actor,
            "critics": self._critics,
            "target_actor": self._target_actor,
            "target_critics": self._target_critics,
        }
        for name, optimizer in (("actor", self._actor_optimizer), ("critic", self._critic_optimizer)):
            named |= {f"{name}_optimizer.{part}": tensor for part, tensor in optimizer.state().items()}
        return named

    def is_finite(self) -> bool:
        """Return whether every number that learning changes is finite."""
        return all(bool(torch.isfinite(tensor).all()) for tensor in self.tensors().values())


def shapes(config: OffPolicyContinuousConfig, observation_size: int, action_size: int) -> tuple[Shape, Shape]:
    """Return the layers of the actor, and of each critic."""
    actor = Shape((observation_size, *config.actor.hidden_units, action_size))
    return actor, Shape((observation_size, *config.critic.hidden_units, 1), action_size, config.critic.action_layer)


def _finite(found: Loss, name: str) -> Tensor:
    """Return the gradient of a loss.

    Raises:
        FloatingPointError: the loss is not a finite number.
    """
    if not math.isfinite(found.loss.item()):
        raise FloatingPointError(f"the {name} loss is {found.loss.item()}")
    return found.gradient
