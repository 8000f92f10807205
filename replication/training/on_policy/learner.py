"""The network of one run: how it acts, and its updates on rollouts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from replication.algorithms.on_policy.contract import Algorithm, Minibatch, Rollout
from replication.algorithms.policy_networks import Spaces
from replication.specification.families.on_policy import OnPolicyConfig, RolloutFrames
from replication.training.on_policy.normalization import Normalization
from replication.training.optimizers import Adam, RMSProp


class Learner:
    """A network and its optimiser.

    Args:
        algorithm: of the run.
        config: its settings.
        spaces: what its policy sees and does.
        streams: the run's `initialisation`, `exploration` and `minibatches`.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        config: Any,
        spaces: Spaces,
        streams: Mapping[str, np.random.Generator],
    ) -> None:
        self.algorithm = algorithm
        self.config: OnPolicyConfig = config
        self.spaces = spaces
        self._streams = streams
        self.network = algorithm.network(config, spaces)
        algorithm.initialise(self.network, streams["initialisation"], config)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.normalization = Normalization(config, spaces)
        vectors = self.config.of_vectors
        self._draws_normal = vectors is not None and vectors.log_deviation_start is not None
        parameters, settings = list(self.network.parameters()), config.optimizer
        self.optimizer: RMSProp | Adam = (
            Adam(parameters, settings) if settings.name == "adam" else RMSProp(parameters, settings)
        )

    def act(self, states: NDArray[Any]) -> tuple[Any, Tensor, Tensor]:
        """Choose an action for each actor.

        Args: `states` are as `shown` gives them: uint8 [actors, 84, 84, stack], or float32 [actors, numbers].
        Returns: the network's outputs; the values of the states in the unit of the rewards, float32 [actors]; and the
        actions, int64 [actors], or float32 [actors, dimensions].
        """
        outputs = self.outputs(states)
        actions = self.algorithm.act(outputs, self.draws(self._streams["exploration"], len(states)))
        return outputs, self._raw_values(outputs), actions

    def draws(self, stream: np.random.Generator, states: int) -> Tensor:
        """Draw the numbers by which actions are chosen in so many states, as `act` of an algorithm asks for them."""
        shape = (states, self.spaces.num_actions)
        if self._draws_normal:
            return torch.from_numpy(stream.standard_normal(shape, dtype=np.float32))
        return torch.from_numpy(stream.random(shape, dtype=np.float32))

    @property
    def likeliest_draws(self) -> Tensor:
        """The draws by which the likeliest action is chosen in one state."""
        return torch.full((1, self.spaces.num_actions), 0.0 if self._draws_normal else 0.5)

    def see(self, stacks: NDArray[Any]) -> None:
        """Add what actors see now to the moments that observations are normalized by, where it enters at once."""
        self.normalization.see(stacks)

    def shown(self, stacks: NDArray[Any]) -> NDArray[Any]:
        """Return states as they are acted in and learned from: normalized where that is done as they are seen."""
        return self.normalization.observations(stacks) if self.normalization.stores_normalized else stacks

    def state_values(self, states: NDArray[Any]) -> Tensor:
        """Compute the values of states in the unit of the rewards, float32 [states], without gradient.

        Args: `states` are as in `act`.
        """
        return self._raw_values(self.outputs(states))

    def _raw_values(self, outputs: Any) -> Tensor:
        return self.normalization.raw_values(self.algorithm.state_values(outputs, self.config))

    @torch.no_grad()
    def outputs(self, states: NDArray[Any]) -> Any:
        """Compute the network's outputs in states as in `act`, without gradient."""
        return self.network(self.inputs(torch.from_numpy(states)))

    def inputs(self, states: Tensor) -> Tensor:
        """Return what the network is called with in states, [..., 84, 84, stack] or [..., numbers]."""
        if self.config.of_vectors is None:
            return pixels_of(states)
        if self.normalization.stores_normalized:
            return states
        return torch.from_numpy(self.normalization.observations(states.numpy()))

    def update(
        self,
        states: Tensor,
        rollout: Rollout,
        frames: RolloutFrames,
        revalued: Callable[[], Rollout] | None = None,
    ) -> None:
        """Update the network on a rollout: one optimiser step for each minibatch of each epoch.

        Args:
            states: [steps, actors, ...], those that were acted in.
            rollout: what else is known of them.
            frames: when it was played.
            revalued: computes the rollout with the values of the network as it is, for settings that ask for it.

        Raises:
            FloatingPointError: a loss is not a finite number; updates before it in this rollout stay.
        """
        config = self.config
        values, advantages, returns = self._taught(rollout)
        self.normalization.see_rollout(states)
        rate_factor = config.learning_rate_schedule.factor(frames)
        inputs = self.inputs(states.flatten(0, 1))
        actions = rollout.actions.flatten(0, 1)
        outputs = tuple(part.flatten(0, 1) for part in rollout.outputs)
        for number, chosen in enumerate(self._minibatches(len(actions))):
            if config.recompute_advantages and revalued is not None and number and not number % config.minibatches:
                values, advantages, returns = self._taught(revalued())
            batch = Minibatch(
                actions=actions[chosen],
                outputs=type(rollout.outputs)(*(part[chosen] for part in outputs)),
                values=values[chosen],
                advantages=advantages[chosen],
                returns=returns[chosen],
                frames=frames,
            )
            loss = self.algorithm.loss(self.network(inputs[chosen]), batch, config)
            if not math.isfinite(loss.item()):
                raise FloatingPointError(f"the loss is {loss.item()}")
            gradients = torch.autograd.grad(loss, self.optimizer.parameters)
            self.optimizer.step(clipped_to_norm(gradients, config.max_gradient_norm), rate_factor)

    def _taught(self, rollout: Rollout) -> tuple[Tensor, Tensor, Tensor]:
        """Compute what a rollout teaches: its values, advantages and returns, float32 [steps x actors] each."""
        values = self.normalization.learned_values(rollout.values)
        advantages, returns = self.normalization.targets(self.algorithm.targets(rollout, self.config))
        return values.flatten(0, 1), advantages.flatten(0, 1), returns.flatten(0, 1)

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
        return named | {f"normalization.{name}": tensor for name, tensor in self.normalization.tensors().items()}

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
