"""The network of one run: how it acts, and its updates on rollouts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from replication.algorithms.on_policy.contract import Algorithm, Minibatch, Rollout
from replication.specification.families.on_policy import OnPolicyConfig, RolloutFrames
from replication.training.on_policy.stale_network import StaleNetwork
from replication.training.optimizers import Adam, RAdam, RMSProp

OPTIMIZERS: Mapping[str, Any] = {"adam": Adam, "radam": RAdam, "rmsprop": RMSProp}


class Learner:
    """A network and its optimiser.

    Args:
        algorithm: of the run.
        config: its settings.
        num_actions: of the game.
        streams: the run's `initialisation`, `exploration` and `minibatches`.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        config: Any,
        num_actions: int,
        streams: Mapping[str, np.random.Generator],
    ) -> None:
        self.algorithm = algorithm
        self.config: OnPolicyConfig = config
        self.num_actions = num_actions
        self._streams = streams
        self.network = algorithm.network(config, num_actions)
        algorithm.initialise(self.network, streams["initialisation"], config)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        build = OPTIMIZERS[config.optimizer.name]
        self.optimizer: RMSProp | Adam | RAdam = build(list(self.network.parameters()), config.optimizer)
        self._stale = StaleNetwork(self.network, config.staleness_updates) if config.staleness_updates else None

    @property
    def acting(self) -> nn.Module:
        """The network that plays rollouts and is differentiated: the one that is updated, or an older one."""
        return self._stale.network if self._stale else self.network

    def act(self, stacks: NDArray[np.uint8], epsilon: float = 0.0) -> tuple[Any, Tensor, Tensor]:
        """Choose an action for each actor.

        Args:
            stacks: uint8 [actors, 84, 84, stack].
            epsilon: chance that an action is drawn uniformly in the place of the one that is chosen.

        Returns: the network's outputs, the values of the states, float32 [actors], and the actions, int64 [actors].
        """
        outputs = self._outputs_of(self.acting, stacks)
        uniforms = self._streams["exploration"].random((len(stacks), self.num_actions), dtype=np.float32)
        actions = self.algorithm.act(outputs, torch.from_numpy(uniforms))
        if epsilon:
            actions = self._explored(actions, epsilon)
        return outputs, self.algorithm.state_values(outputs, self.config), actions

    def _explored(self, actions: Tensor, epsilon: float) -> Tensor:
        """Replace each action, int64 [actors], by one that is drawn uniformly, with this chance."""
        stream = self._streams["exploration"]
        explores = torch.from_numpy(stream.random(len(actions)) < epsilon)
        drawn = torch.from_numpy(stream.integers(self.num_actions, size=len(actions)))
        return torch.where(explores, drawn, actions)

    def state_values(self, stacks: NDArray[np.uint8]) -> Tensor:
        """Compute what states are worth to those who play, uint8 [states, 84, 84, stack] to float32 [states]."""
        return self.algorithm.state_values(self._outputs_of(self.acting, stacks), self.config)

    def outputs(self, stacks: NDArray[np.uint8]) -> Any:
        """Compute the network's outputs in states, uint8 [states, 84, 84, stack], without gradient."""
        return self._outputs_of(self.network, stacks)

    @torch.no_grad()
    def _outputs_of(self, network: nn.Module, stacks: NDArray[np.uint8]) -> Any:
        return network(pixels_of(torch.from_numpy(stacks)))

    def update(self, states: Tensor, rollout: Rollout, frames: RolloutFrames) -> None:
        """Update the network on a rollout: one optimiser step for each minibatch of each epoch.

        Args:
            states: uint8 [steps, actors, 84, 84, stack], those that were acted in.
            rollout: what else is known of them.
            frames: when it was played.

        Raises:
            FloatingPointError: a loss is not a finite number; updates before it in this rollout stay.
        """
        config = self.config
        advantages, returns = self.algorithm.targets(rollout, config)
        rate_factor = config.learning_rate_schedule.factor(frames)
        pixels = pixels_of(states.flatten(0, 1))
        parts = (rollout.actions, rollout.values, advantages, returns)
        actions, values, advantages, returns = (part.flatten(0, 1) for part in parts)
        outputs = tuple(part.flatten(0, 1) for part in rollout.outputs)
        for chosen in self._minibatches(len(actions)):
            batch = Minibatch(
                actions=actions[chosen],
                outputs=type(rollout.outputs)(*(part[chosen] for part in outputs)),
                values=values[chosen],
                advantages=advantages[chosen],
                returns=returns[chosen],
                frames=frames,
            )
            loss = self.algorithm.loss(self.acting(pixels[chosen]), batch, config)
            if not math.isfinite(loss.item()):
                raise FloatingPointError(f"the loss is {loss.item()}")
            gradients = torch.autograd.grad(loss, list(self.acting.parameters()))
            if self._stale:
                self._stale.keep(self.network)
            self.optimizer.step(clipped_to_norm(gradients, config.max_gradient_norm), rate_factor)

    def _minibatches(self, steps: int) -> Iterator[Tensor | slice]:
        """Yield which of so many steps each minibatch holds: every step once an epoch, in a new order each time."""
        for _ in range(self.config.epochs):
            if self.config.minibatches == 1:  # in any order it is the same
                yield slice(None)
                continue
            order = torch.from_numpy(self._streams["minibatches"].permutation(steps))
            yield from order.tensor_split(self.config.minibatches)

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor that learning changes, by name; they are filled in place when a run is resumed."""
        named = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        named |= {f"optimizer.{name}": tensor for name, tensor in self.optimizer.state().items()}
        return named | (self._stale.state() if self._stale else {})

    def is_finite(self) -> bool:
        """Return whether every number that learning changes is finite."""
        return all(bool(torch.isfinite(tensor).all()) for tensor in self.tensors().values())


def pixels_of(states: Tensor) -> Tensor:
    """Return uint8 [..., 84, 84, stack] viewed as [..., stack, 84, 84], the same bytes in channels-last memory."""
    return states.movedim(-1, -3)


def clipped_to_norm(gradients: tuple[Tensor, ...], most: float | None) -> tuple[Tensor, ...]:
    """Scale gradients so that the Euclidean norm of all of them together is at most `most`; None: as they are.

    Source: openai/baselines ea25b9e baselines/a2c/a2c.py:78 (tf.clip_by_global_norm).
    """
    if most is None:
        return gradients
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients]))
    factor = torch.clamp(most / norm, max=1.0)
    return tuple(gradient * factor for gradient in gradients)
