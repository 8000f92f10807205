"""The network of one run: how it acts, and its updates on rollouts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from replication.algorithms.on_policy.contract import Algorithm, Minibatch, Rollout
from replication.algorithms.policy_networks import Spaces
from replication.specification.families.on_policy import OnPolicyConfig, RolloutFrames
from replication.training.on_policy.normalization import Normalization
from replication.training.on_policy.stale_network import StaleNetwork
from replication.training.on_policy.updates import RolloutUpdates, whole_batch
from replication.training.optimizers import Adam, RAdam, RMSProp

OPTIMIZERS: Mapping[str, Any] = {"adam": Adam, "radam": RAdam, "rmsprop": RMSProp}


class Learner:
    """A network and its optimizer.

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
        optimized = getattr(algorithm, "optimized", None)
        parameters = list(self.network.parameters() if optimized is None else optimized(self.network))
        build = OPTIMIZERS[config.optimizer.name]
        self.optimizer: RMSProp | Adam | RAdam = build(parameters, config.optimizer)
        self._stale = StaleNetwork(self.network, config.staleness_updates) if config.staleness_updates else None

    @property
    def acting(self) -> nn.Module:
        """The network that plays rollouts and is differentiated: the one that is updated, or an older one."""
        return self._stale.network if self._stale else self.network

    def act(self, states: NDArray[Any], epsilon: float = 0.0) -> tuple[Any, Tensor, Tensor]:
        """Choose an action for each actor.

        Args:
            states: as `shown` gives them: uint8 [actors, 84, 84, stack], or float32 [actors, numbers].
            epsilon: chance that an action is drawn uniformly in the place of the one that is chosen.

        Returns: the network's outputs; the values of the states in the unit of the rewards, float32 [actors]; and the
        actions, int64 [actors], or float32 [actors, dimensions].
        """
        outputs = self._outputs_of(self.acting, states)
        actions = self.algorithm.act(outputs, self.draws(self._streams["exploration"], len(states)))
        if epsilon:
            actions = self._explored(actions, epsilon)
        return outputs, self._raw_values(outputs), actions

    def _explored(self, actions: Tensor, epsilon: float) -> Tensor:
        """Replace each action, int64 [actors], by one that is drawn uniformly, with this chance."""
        stream = self._streams["exploration"]
        explores = torch.from_numpy(stream.random(len(actions)) < epsilon)
        drawn = torch.from_numpy(stream.integers(self.spaces.num_actions, size=len(actions)))
        return torch.where(explores, drawn, actions)

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
        """Compute what states are worth to those who play, in the unit of the rewards, float32 [states].

        Args: `states` are as in `act`.
        """
        return self._raw_values(self._outputs_of(self.acting, states))

    def evaluated_values(self, states: NDArray[Any]) -> Tensor:
        """Compute the values of states by the network that is evaluated, otherwise as `state_values`."""
        return self._raw_values(self.outputs(states))

    def _raw_values(self, outputs: Any) -> Tensor:
        return self.normalization.raw_values(self.algorithm.state_values(outputs, self.config))

    def outputs(self, states: NDArray[Any]) -> Any:
        """Compute the network's outputs in states as in `act`, without gradient."""
        return self._outputs_of(self.network, states)

    @torch.no_grad()
    def _outputs_of(self, network: nn.Module, states: NDArray[Any]) -> Any:
        return network(self.inputs(torch.from_numpy(states)))

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
        """Update the network on a rollout: a step for each minibatch of each epoch, or the algorithm's own way.

        Args:
            states: [steps, actors, ...], those that were acted in.
            rollout: what else is known of them.
            frames: when it was played.
            revalued: computes the rollout with the values of the network as it is, for settings that ask for it.

        Raises:
            FloatingPointError: a loss or a step is not a finite number; updates before it in this rollout stay.
        """
        algorithm, config = self.algorithm, self.config
        batch = self._taught(rollout, frames)
        self.normalization.see_rollout(states)
        stream, steps = self._streams["minibatches"], len(batch.actions)
        updates = RolloutUpdates(self.optimizer, config, steps, stream, frames, self._stale)
        inputs = self.inputs(states.flatten(0, 1))
        if hasattr(algorithm, "update"):
            algorithm.update(self.network, inputs, batch, updates, config)
            return
        for number, chosen in enumerate(updates.minibatches()):
            if config.recompute_advantages and revalued is not None and number and not number % config.minibatches:
                batch = replace(self._taught(revalued(), frames), outputs=batch.outputs)
            updates.step(algorithm.loss(self.acting(inputs[chosen]), batch.part(chosen), config))

    def _taught(self, rollout: Rollout, frames: RolloutFrames) -> Minibatch:
        """Put together what a rollout teaches, the steps of all actors behind each other."""
        values = self.normalization.learned_values(rollout.values)
        targets = self.normalization.targets(self.algorithm.targets(rollout, self.config))
        return whole_batch(replace(rollout, values=values), targets, frames)

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor that learning changes, by name; they are filled in place when a run is resumed."""
        named = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        named |= {f"optimizer.{name}": tensor for name, tensor in self.optimizer.state().items()}
        named |= {f"normalization.{name}": tensor for name, tensor in self.normalization.tensors().items()}
        return named | (self._stale.state() if self._stale else {})

    def is_finite(self) -> bool:
        """Return whether every number that learning changes is finite."""
        return all(bool(torch.isfinite(tensor).all()) for tensor in self.tensors().values())


def pixels_of(states: Tensor) -> Tensor:
    """Return uint8 [..., 84, 84, stack] viewed as [..., stack, 84, 84], the same bytes in channels-last memory."""
    return states.movedim(-1, -3)
