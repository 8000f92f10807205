"""The networks of one lane: acting values, updates, target copies. Learners of a cohort are updated in turn.

On a CPU stacking the lanes into one batch was measured slower (results/benchmark/README.md): each lane has its modules.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from replication.algorithms.contract import Algorithm, Batch, DrawSpec
from replication.networks import in_precision
from replication.optimizers import build_optimizer
from replication.replay import Transitions


def prepare_torch() -> None:
    """One thread and exact float32, so that equal seeds give equal bytes."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # asked for by deterministic matrix products
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


class Learner:
    """Online and target network of one run, with their optimiser."""

    def __init__(
        self,
        algorithm: Algorithm,
        config: Any,
        num_actions: int,
        streams: Mapping[str, np.random.Generator],
        device: str,
    ) -> None:
        """Build both networks; `streams` are the run's `initialisation` and `target_initialisation`."""
        self.algorithm = algorithm
        self.config = config
        self.num_actions = num_actions
        self.device = torch.device(device)
        self.online = algorithm.network(config, num_actions)
        self.target = algorithm.network(config, num_actions)
        algorithm.initialise(self.online, streams["initialisation"], config)
        if config.target_starts_as_copy:
            self.target.load_state_dict(self.online.state_dict())
        else:
            algorithm.initialise(self.target, streams["target_initialisation"], config)
        for network in (self.online, self.target):
            network.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.target.requires_grad_(False)
        self.optimizer = build_optimizer(list(self.online.parameters()), config.optimizer)
        self.draws_spec = dict(algorithm.draws_spec(config, num_actions))

    def action_values(self, stack: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Q(s, .) of the online network for one state, uint8 [84, 84, stack] to float32 [actions]."""
        with torch.inference_mode():
            values = self.algorithm.action_values(self.online(self._pixels(stack[None])))
        result: NDArray[np.float32] = values[0].cpu().numpy()
        return result

    def update(self, transitions: Transitions, stream: np.random.Generator) -> None:
        """One optimiser step on a minibatch; `stream` feeds the random arrays the loss asks for.

        Raises:
            FloatingPointError: the loss is not a finite number; nothing was changed.
        """
        draws = self._draws(stream, len(transitions.rewards))
        online, target = (in_precision(network, self.config.precision) for network in (self.online, self.target))
        losses = self.algorithm.loss(online, target, self._batch(transitions), draws, self.config)
        total = losses.per_transition.sum() if self.config.loss_reduction == "sum" else losses.per_transition.mean()
        if not math.isfinite(total.item()):
            raise FloatingPointError(f"the loss is {total.item()}")
        self.optimizer.step(torch.autograd.grad(total, self.optimizer.parameters))

    def copy_to_target(self) -> None:
        """The target network becomes a full copy of the online network."""
        self.target.load_state_dict(self.online.state_dict())

    def held_out_statistics(self, transitions: Transitions, stream: np.random.Generator) -> tuple[float, float]:
        """Predicted value and TD error on the held-out transitions.

        Returns: the mean over transitions of max_a Q_target(s_t, a), terminal ones included, and the mean of the
        clipped absolute TD errors.
        Source: google-deepmind/dqn dqn/NeuralQLearner.lua:291-297.
        """
        batch = self._batch(transitions)
        with torch.inference_mode():
            values = self.algorithm.action_values(self.target(batch.s_t)).max(dim=1).values.mean()
            draws = self._draws(stream, len(transitions.rewards))
            losses = self.algorithm.loss(self.online, self.target, batch, draws, self.config)
        return float(values), float(losses.priority.mean())

    def activations(self, states: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Last hidden layer and largest action value of each state, uint8 [n, 84, 84, stack].

        Returns: float32 [n, units] and float32 [n].
        """
        hidden, values = [], []
        with torch.inference_mode():
            for part in np.array_split(states, max(1, len(states) // 100)):
                pixels = self._pixels(part)
                hidden.append(self.online.embed(pixels).cpu().numpy())  # type: ignore[operator]
                values.append(self.algorithm.action_values(self.online(pixels)).max(dim=1).values.cpu().numpy())
        return np.concatenate(hidden), np.concatenate(values)

    def tensors(self) -> dict[str, Tensor]:
        """Everything that learning changes, by name; filled in place when a run is resumed."""
        parts = {"online": self.online.state_dict(), "target": self.target.state_dict()}
        named = {f"{part}.{name}": tensor for part, state in parts.items() for name, tensor in state.items()}
        return named | {f"optimizer.{name}": tensor for name, tensor in self.optimizer.state().items()}

    def is_finite(self) -> bool:
        """Whether every number that learning changes is finite."""
        return all(bool(torch.isfinite(tensor).all()) for tensor in self.tensors().values())

    def online_parameters(self) -> dict[str, Tensor]:
        """A copy of the online network's parameters."""
        return {name: tensor.detach().clone() for name, tensor in self.online.state_dict().items()}

    def _pixels(self, states: NDArray[np.uint8]) -> Tensor:
        """uint8 [batch, 84, 84, stack] to the same bytes seen as [batch, stack, 84, 84] in channels-last memory."""
        return torch.from_numpy(states).to(self.device).permute(0, 3, 1, 2)

    def _batch(self, transitions: Transitions) -> Batch:
        return Batch(
            s_tm1=self._pixels(transitions.states),
            a_tm1=torch.from_numpy(transitions.actions).to(self.device),
            r_t=torch.from_numpy(transitions.rewards).to(self.device),
            discount_t=torch.from_numpy(transitions.discounts).to(self.device),
            s_t=self._pixels(transitions.next_states),
        )

    def _draws(self, stream: np.random.Generator, batch_size: int) -> dict[str, Tensor]:
        return {
            name: torch.from_numpy(draw(spec, stream, batch_size)).to(self.device)
            for name, spec in self.draws_spec.items()
        }


def draw(spec: DrawSpec, stream: np.random.Generator, batch_size: int) -> NDArray[np.float32]:
    """One random array that a loss asks for, float32 of `draw_shape`."""
    shape = draw_shape(spec, batch_size)
    if spec.distribution == "uniform":
        return stream.random(shape, dtype=np.float32)
    return stream.standard_normal(shape, dtype=np.float32)


def draw_shape(spec: DrawSpec, batch_size: int) -> tuple[int, ...]:
    """[batch, *shape] where each transition has its own, else [*shape]."""
    return (batch_size, *spec.shape) if spec.per_transition else spec.shape
