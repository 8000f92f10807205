"""The networks of one lane: its action values, updates and target copies.

Each lane has modules of its own: on a CPU, stacking lanes into one batch was measured slower
(results/benchmark/README.md).
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from replication.algorithms.networks import in_precision
from replication.algorithms.off_policy.contract import Algorithm, Batch, DrawSpec, Future
from replication.specification.families.off_policy import OffPolicyConfig, PrioritisedSampling
from replication.training.optimizers import build_optimizer
from replication.training.replay.transitions import Transitions

ActingDraws = Sequence[NDArray[np.float32]]
"""The random arrays that a network takes beside the pixels when it acts."""


def prepare_torch() -> None:
    """Set torch to one thread and exact float32, so that equal seeds give equal bytes."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # required by deterministic matrix products
    torch.set_num_threads(1)
    # The same switch as use_deterministic_algorithms, which would import the compiler of graphs: 1.7 s of every start.
    torch.set_deterministic_debug_mode("error")
    # Deterministic mode fills every new tensor with NaN, in case an operation reads what it has not written; ours write
    # all of it. The fills were a twentieth of an update.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.fp32_precision = "ieee"
    torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]


class Learned(NamedTuple):
    """The outcome of an update."""

    failure: str | None
    """Why the update changed nothing; None: it succeeded."""
    priorities: NDArray[np.float32] | None
    """New priorities of the transitions, float32 [batch], where they are sampled by priority."""


class Learner:
    """Online and target network of one run, with their optimizer."""

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
        self.clipped_groups = clipped_groups(self.online, config)
        self.draws_spec = dict(algorithm.draws_spec(config, num_actions))
        self.acting_draws_spec = {
            evaluating: dict(algorithm.acting_draws_spec(config, num_actions, evaluating=evaluating))
            for evaluating in (False, True)
        }
        """For training (False) and for evaluation (True)."""

    def acting_draws(self, stream: np.random.Generator, *, evaluating: bool, states: int = 1) -> ActingDraws:
        """Draw the random arrays that the network needs to act in so many states, in order."""
        return [draw(spec, stream, states) for spec in self.acting_draws_spec[evaluating].values()]

    def action_values(self, stack: NDArray[np.uint8], draws: ActingDraws = ()) -> NDArray[np.float32]:
        """Compute Q(s, .) of the online network for one state, uint8 [84, 84, stack] to float32 [actions]."""
        with torch.inference_mode():
            values = self._values(self.online, self._pixels(stack[None]), draws)
        result: NDArray[np.float32] = values[0].cpu().numpy()
        return result

    def update(self, transitions: Transitions, stream: np.random.Generator) -> NDArray[np.float32] | None:
        """Take one optimizer step on a minibatch; the random arrays of the loss are drawn from `stream`.

        Returns: the transitions' new priorities, float32 [batch]; None where they are not sampled by priority.
        Raises:
            FloatingPointError: the loss is not a finite number; nothing was changed.
        """
        draws = self._draws(stream, len(transitions.rewards))
        online, target = (in_precision(network, self.config.precision) for network in (self.online, self.target))
        losses = self.algorithm.loss(online, target, self._batch(transitions), draws, self.config)
        weights = self._on_device(transitions.weights) if is_prioritised(self.config) else None
        total = reduced(losses.per_transition, weights, self.config)
        if not math.isfinite(total.item()):
            raise FloatingPointError(f"the loss is {total.item()}")
        gradients = torch.autograd.grad(total, self.optimizer.parameters)
        self.optimizer.step(clipped(gradients, self.config.gradient_norm_clip, self.clipped_groups))
        return losses.priority.cpu().numpy() if is_prioritised(self.config) else None

    def copy_to_target(self) -> None:
        """Copy all of the online network to the target network."""
        self.target.load_state_dict(self.online.state_dict())

    def held_out_statistics(self, transitions: Transitions, stream: np.random.Generator) -> tuple[float, float]:
        """Compute the predicted value and the TD error on the held-out transitions.

        Returns: the mean over transitions of max_a Q_target(s_t, a), terminal ones included, and the mean of the
        absolute TD errors of the expected values, clipped at 1.
        Source: google-deepmind/dqn dqn/NeuralQLearner.lua:291-297.
        """
        batch = self._batch(transitions)
        with torch.inference_mode():
            acting = self.acting_draws(stream, evaluating=True, states=len(transitions.rewards))
            values = self._values(self.target, batch.s_t, acting).max(dim=1).values.mean()
            draws = self._draws(stream, len(transitions.rewards))
            losses = self.algorithm.loss(self.online, self.target, batch, draws, self.config)
            errors = losses.priority if losses.td_error is None else losses.td_error
        return float(values), float(errors.clamp(max=1.0).mean())

    def activations(
        self, states: NDArray[np.uint8], stream: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Compute the last hidden layer and the largest action value of each state, uint8 [n, 84, 84, stack].

        The random arrays that the network needs to act are drawn from `stream`.

        Returns: float32 [n, units] and float32 [n].
        """
        hidden, values = [], []
        with torch.inference_mode():
            for part in np.array_split(states, max(1, len(states) // 100)):
                pixels, draws = self._pixels(part), self.acting_draws(stream, evaluating=True, states=len(part))
                hidden.append(self.online.embed(pixels).cpu().numpy())  # type: ignore[operator]
                values.append(self._values(self.online, pixels, draws).max(dim=1).values.cpu().numpy())
        return np.concatenate(hidden), np.concatenate(values)

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor that learning changes, by name; they are filled in place when a run is resumed."""
        parts = {"online": self.online.state_dict(), "target": self.target.state_dict()}
        named = {f"{part}.{name}": tensor for part, state in parts.items() for name, tensor in state.items()}
        return named | {f"optimizer.{name}": tensor for name, tensor in self.optimizer.state().items()}

    def is_finite(self) -> bool:
        """Return whether every number that learning changes is finite."""
        return all(bool(torch.isfinite(tensor).all()) for tensor in self.tensors().values())

    def online_parameters(self) -> dict[str, Tensor]:
        """Copy the online network's parameters."""
        return {name: tensor.detach().clone() for name, tensor in self.online.state_dict().items()}

    def _values(self, network: nn.Module, pixels: Tensor, draws: ActingDraws) -> Tensor:
        """Compute Q(s, .) of each state, float32 [batch, actions]."""
        return self.algorithm.action_values(network(pixels, *map(self._on_device, draws)), self.config)

    def _on_device(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(self.device)

    def _pixels(self, states: NDArray[np.uint8]) -> Tensor:
        """Move states to the device and view them as `pixels_of` does."""
        return pixels_of(self._on_device(states))

    def _batch(self, transitions: Transitions) -> Batch:
        return batch_of(transitions, self.device)

    def _draws(self, stream: np.random.Generator, batch_size: int) -> dict[str, Tensor]:
        return {name: self._on_device(draw(spec, stream, batch_size)) for name, spec in self.draws_spec.items()}


def batch_of(transitions: Transitions, device: torch.device | str) -> Batch:
    """Convert a minibatch to the tensors that a loss is given."""

    def given(array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(device)

    future = None
    if transitions.future_actions.shape[1]:
        states = pixels_of(given(transitions.future_states))
        future = Future(states, given(transitions.future_actions), given(transitions.future_goes_on))
    return Batch(
        s_tm1=pixels_of(given(transitions.states)),
        a_tm1=given(transitions.actions),
        r_t=given(transitions.rewards),
        discount_t=given(transitions.discounts),
        s_t=pixels_of(given(transitions.next_states)),
        future=future,
    )


def pixels_of(states: Tensor) -> Tensor:
    """Return uint8 [..., 84, 84, stack] viewed as [..., stack, 84, 84], the same bytes in channels-last memory."""
    return states.movedim(-1, -3)


def is_prioritised(config: OffPolicyConfig) -> bool:
    """Return whether minibatches are drawn by priority, so that losses are weighted and priorities renewed."""
    return isinstance(config.replay_sampling, PrioritisedSampling)


def reduced(per_transition: Tensor, weights: Tensor | None, config: OffPolicyConfig) -> Tensor:
    """Reduce the losses of transitions, float32 [batch], with their importance weights to the minibatch's loss."""
    weighted = per_transition if weights is None else weights * per_transition
    return weighted.sum() if config.loss_reduction == "sum" else weighted.mean()


def clipped_groups(network: nn.Module, config: OffPolicyConfig) -> Sequence[Sequence[int]]:
    """Return the groups of parameters whose gradients are clipped together, as places among all parameters."""
    parts = [name.partition(".")[0] for name, _ in network.named_parameters()]
    if not config.separately_clipped:
        return [range(len(parts))]
    return [[place for place, part in enumerate(parts) if part in group] for group in config.separately_clipped]


def clipped(gradients: Sequence[Tensor], most: float | None, groups: Sequence[Sequence[int]]) -> Sequence[Tensor]:
    """Scale one lane's gradients so that the Euclidean norm of each group is at most `most`.

    Args:
        gradients: of all parameters, in order.
        most: None: nothing is clipped.
        groups: places of gradients; one that is in no group stays as it is.
    """
    if most is None:
        return gradients
    found = list(gradients)
    for group in groups:
        norm = torch.stack([gradients[place].square().sum() for place in group]).sum().sqrt()
        factor = torch.clamp(most / norm, max=1.0)
        for place in group:
            found[place] = gradients[place] * factor
    return found


def draw(spec: DrawSpec, stream: np.random.Generator, batch_size: int) -> NDArray[np.float32]:
    """Draw one random array that a loss or a network asks for, float32 of `draw_shape`."""
    shape = draw_shape(spec, batch_size)
    if spec.distribution == "zeros":
        return np.zeros(shape, dtype=np.float32)
    if spec.distribution == "uniform":
        return stream.random(shape, dtype=np.float32)
    return stream.standard_normal(shape, dtype=np.float32)


def draw_shape(spec: DrawSpec, batch_size: int) -> tuple[int, ...]:
    """Return [batch, *shape] where each transition has an array of its own, else [*shape]."""
    return (batch_size, *spec.shape) if spec.per_transition else spec.shape
