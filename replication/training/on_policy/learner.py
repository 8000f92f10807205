"""The network of one run: how it acts, and its updates on rollouts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from replication.algorithms.on_policy.contract import Algorithm, Rollout
from replication.specification.families.on_policy import OnPolicyConfig, RolloutFrames
from replication.training.on_policy.updates import RolloutUpdates, whole_batch
from replication.training.optimizers import Adam, RMSProp


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
        own = hasattr(algorithm, "optimized")
        parameters = list(algorithm.optimized(self.network) if own else self.network.parameters())
        settings = config.optimizer
        self.optimizer: RMSProp | Adam = (
            Adam(parameters, settings) if settings.name == "adam" else RMSProp(parameters, settings)
        )

    def act(self, stacks: NDArray[np.uint8]) -> tuple[Any, Tensor, Tensor]:
        """Choose an action for each actor.

        Args: `stacks` are uint8 [actors, 84, 84, stack].
        Returns: the network's outputs, the values of the states, float32 [actors], and the actions, int64 [actors].
        """
        outputs = self.outputs(stacks)
        uniforms = self._streams["exploration"].random((len(stacks), self.num_actions), dtype=np.float32)
        actions = self.algorithm.act(outputs, torch.from_numpy(uniforms))
        return outputs, self.algorithm.state_values(outputs, self.config), actions

    def state_values(self, stacks: NDArray[np.uint8]) -> Tensor:
        """Compute the values of states, uint8 [states, 84, 84, stack] to float32 [states], without gradient."""
        return self.algorithm.state_values(self.outputs(stacks), self.config)

    @torch.no_grad()
    def outputs(self, stacks: NDArray[np.uint8]) -> Any:
        """Compute the network's outputs in states, uint8 [states, 84, 84, stack], without gradient."""
        return self.network(pixels_of(torch.from_numpy(stacks)))

    def update(self, states: Tensor, rollout: Rollout, frames: RolloutFrames) -> None:
        """Update the network on a rollout: a step for each minibatch of each epoch, or the algorithm's own way.

        Args:
            states: uint8 [steps, actors, 84, 84, stack], those that were acted in.
            rollout: what else is known of them.
            frames: when it was played.

        Raises:
            FloatingPointError: a loss or a step is not a finite number; updates before it in this rollout stay.
        """
        algorithm, config = self.algorithm, self.config
        batch = whole_batch(rollout, algorithm.targets(rollout, config), frames)
        updates = RolloutUpdates(self.optimizer, config, len(batch.actions), self._streams["minibatches"], frames)
        pixels = pixels_of(states.flatten(0, 1))
        if hasattr(algorithm, "update"):
            algorithm.update(self.network, pixels, batch, updates, config)
            return
        for chosen in updates.minibatches():
            updates.step(algorithm.loss(self.network(pixels[chosen]), batch.part(chosen), config))

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor that learning changes, by name; they are filled in place when a run is resumed."""
        named = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        return named | {f"optimizer.{name}": tensor for name, tensor in self.optimizer.state().items()}

    def is_finite(self) -> bool:
        """Return whether every number that learning changes is finite."""
        return all(bool(torch.isfinite(tensor).all()) for tensor in self.tensors().values())


def pixels_of(states: Tensor) -> Tensor:
    """Return uint8 [..., 84, 84, stack] viewed as [..., stack, 84, 84], the same bytes in channels-last memory."""
    return states.movedim(-1, -3)
