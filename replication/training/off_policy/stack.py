"""The networks of K lanes as one: all lanes act in one batched call, and are updated in another.

For a device that one lane leaves almost idle. Each parameter, target parameter and running mean of K learners lies in
one tensor [K, ...], whose parts the learners use as their own; so all that a learner does by itself (evaluations,
checkpoints, figures) stays as it is. An algorithm describes one run here too: `torch.func.vmap` maps its loss over the
lanes, so the loss must consist of operations on tensors, without branches on their values.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, vmap

from replication.algorithms.networks import Convolving, convolve_by_product, in_precision
from replication.algorithms.off_policy.contract import Batch, Forward, Future
from replication.training.off_policy.cuda_graphs import Inputs, recorded
from replication.training.off_policy.learner import (
    ActingDraws,
    Learned,
    Learner,
    clipped,
    draw,
    draw_shape,
    is_prioritised,
    pixels_of,
    reduced,
)
from replication.training.off_policy.page_locking import adjoining
from replication.training.optimizers import build_optimizer
from replication.training.replay.frame_store import FRAME_SHAPE
from replication.training.replay.transitions import Transitions, array_kinds

StackMinibatch = tuple[Transitions, np.random.Generator]
"""A lane's transitions, and the stream from which its loss draws."""

TORCH_TYPES = {"uint8": torch.uint8, "int64": torch.int64, "float32": torch.float32}


class Stack:
    """K learners of one configuration whose networks have equal shapes, acting and learning together.

    A lane's numbers are those of its learner alone up to rounding: sums are taken in another order.
    """

    def __init__(self, learners: Sequence[Learner]) -> None:
        """Copy the learners' tensors into stacked ones and point the learners at these.

        A stack that one of them belonged to before must not be used again.

        Raises:
            ValueError: configurations, devices or the shapes of parameters differ.
        """
        self.learners = list(learners)
        first = self.learners[0]
        if any(each.config != first.config or each.device != first.device for each in self.learners):
            raise ValueError("learners of one stack have one configuration and one device")
        self.config, self.algorithm, self.device = first.config, first.algorithm, first.device
        self._network = _without_numbers(first.online)
        self._online = _stacked([_tensors(learner.online) for learner in self.learners])
        self._target = _stacked([_tensors(learner.target) for learner in self.learners])
        state = _stacked([learner.optimizer.state() for learner in self.learners])
        for k, learner in enumerate(self.learners):
            for network, stacked in ((learner.online, self._online), (learner.target, self._target)):
                for name, tensor in _tensors(network).items():
                    tensor.data = stacked[name][k]
            learner.optimizer.keep_in({name: tensor[k] for name, tensor in state.items()})
        self._parameters = [self._online[name].requires_grad_() for name, _ in first.online.named_parameters()]
        self._optimizer = build_optimizer(self._parameters, self.config.optimizer)
        self._optimizer.keep_in(state)
        self._gradients: Sequence[Tensor] = ()
        batch = array_kinds(self.config.batch_size, self.config.frame_stack, self.config.future_steps)
        self._batch_arrays = [name for name, (shape, _) in batch.items() if name != "rows" and all(shape)]
        self._states = Inputs(self._state_kinds(), self.device)
        self._batch = Inputs(self._batch_kinds(), self.device)
        self._evaluate = recorded(self._action_values, self.device)
        self._differentiate = recorded(self._losses_and_gradients, self.device)
        before = [tensor.clone() for tensor in self._learned()]
        self._step = recorded(self._optimizer_step, self.device)
        for tensor, kept in zip(self._learned(), before, strict=True):
            tensor.copy_(kept)

    def action_values(self, seen: Sequence[tuple[NDArray[np.uint8], ActingDraws] | None]) -> NDArray[np.float32]:
        """Compute Q(s, .) of each lane's online network, float32 [K, actions].

        Args:
            seen: for each lane its state, uint8 [84, 84, stack], and the random arrays that its network takes; or None:
                its values are not asked for, and mean nothing.
        """
        return self.begin_action_values(seen)()

    def begin_action_values(
        self, seen: Sequence[tuple[NDArray[np.uint8], ActingDraws] | None]
    ) -> Callable[[], NDArray[np.float32]]:
        """Begin what `action_values` does without waiting for the device.

        Returns: what waits for the values; call it before anything else of this stack.
        """
        host = self._states.host
        for k, given in enumerate(seen):
            if given is not None:
                state, draws = given
                host["states"][k, 0] = torch.from_numpy(state)
                for name, array in zip(self.learners[k].acting_draws_spec[False], draws, strict=True):
                    host[f"draws.{name}"][k] = torch.from_numpy(array)
        self._states.send()
        found = self._evaluate()

        def values() -> NDArray[np.float32]:
            on_host: NDArray[np.float32] = found.cpu().numpy()
            return on_host

        return values

    def update(self, minibatches: Sequence[StackMinibatch | None]) -> list[Learned]:
        """Take one optimizer step for each lane on its own minibatch.

        Args:
            minibatches: for each lane `config.batch_size` transitions, and the stream from which its loss draws; or
                None: the lane is not updated, and nothing of it changes.

        Returns: the outcome for each lane; no failure and no priorities for a lane that is not updated.
        """
        return self.begin_update(minibatches)()

    def begin_update(self, minibatches: Sequence[StackMinibatch | None]) -> Callable[[], list[Learned]]:
        """Begin what `update` does without waiting for the device: losses and gradients, but no step.

        Returns: what waits for the losses and begins the step; call it before anything else of this stack.
        """
        self._fill(minibatches)
        self._batch.send()
        reduced_losses, priorities = self._differentiate()

        def step() -> list[Learned]:
            return self._finish_update(minibatches, reduced_losses.tolist(), priorities)

        return step

    def _finish_update(
        self, minibatches: Sequence[StackMinibatch | None], losses: list[float], priorities: Tensor
    ) -> list[Learned]:
        failures = [
            f"the loss is {loss}" if given is not None and not math.isfinite(loss) else None
            for loss, given in zip(losses, minibatches, strict=True)
        ]
        # Read before the step is begun: the device then takes it while the lanes play.
        found = priorities.cpu().numpy() if is_prioritised(self.config) else None
        # The step is for all lanes; one that is to stay as it was is put back, which is rare.
        stays = [k for k, given in enumerate(minibatches) if given is None or failures[k] is not None]
        before = [(tensor[k], tensor[k].clone()) for tensor in self._learned() for k in stays]
        self._step()
        for part, kept in before:
            part.copy_(kept)
        return [
            Learned(failure, None if found is None or k in stays else found[k]) for k, failure in enumerate(failures)
        ]

    def _fill(self, minibatches: Sequence[StackMinibatch | None]) -> None:
        """Put minibatches and their random arrays into the tensors that are sent to the device."""
        for name in self._batch_arrays:
            arrays = [None if given is None else getattr(given[0], name) for given in minibatches]
            self._batch.fill(name, [(place, torch.from_numpy(block)) for place, block in adjoining(arrays)])
        host = self._batch.host
        for k, given in enumerate(minibatches):
            if given is not None:
                transitions, stream = given
                assert len(transitions.rewards) == self.config.batch_size
                for name, spec in self.learners[k].draws_spec.items():
                    host[f"draws.{name}"][k] = torch.from_numpy(draw(spec, stream, self.config.batch_size))

    def _action_values(self) -> Tensor:
        with torch.no_grad():
            arrays = self._states.device
            draws = [arrays[f"draws.{name}"] for name in self.learners[0].acting_draws_spec[False]]
            values: Tensor = vmap(self._lane_values)(self._online, pixels_of(arrays["states"]), *draws)
        return values

    def _lane_values(self, online: Mapping[str, Tensor], pixels: Tensor, *draws: Tensor) -> Tensor:
        """Compute one lane's values, float32 [actions], of pixels [1, stack, 84, 84]."""
        return self.algorithm.action_values(self._bound(online)(pixels, *draws), self.config)[0]

    def _losses_and_gradients(self) -> tuple[Tensor, Tensor]:
        """Compute each lane's reduced loss, float32 [K], and priorities, [K, batch]; keep gradients for the step."""
        arrays = self._batch.device
        batch = {
            "s_tm1": pixels_of(arrays["states"]),
            "a_tm1": arrays["actions"],
            "r_t": arrays["rewards"],
            "discount_t": arrays["discounts"],
            "s_t": pixels_of(arrays["next_states"]),
        }
        future = [arrays[name] for name in self._batch_arrays if name.startswith("future_")]
        draws = {name: arrays[f"draws.{name}"] for name in self.learners[0].draws_spec}
        losses, priorities = vmap(self._lane_loss)(self._online, self._target, batch, future, draws, arrays["weights"])
        # No lane's loss depends on another's parameters: the gradient of the sum is the gradients of all.
        gradients = torch.autograd.grad(losses.sum(), self._parameters)
        self._gradients = vmap(self._lane_clipped)(gradients)
        return losses.detach(), priorities

    def _lane_clipped(self, gradients: Sequence[Tensor]) -> Sequence[Tensor]:
        return clipped(gradients, self.config.gradient_norm_clip, self.learners[0].clipped_groups)

    def _lane_loss(
        self,
        online: Mapping[str, Tensor],
        target: Mapping[str, Tensor],
        batch: Mapping[str, Tensor],
        future: Sequence[Tensor],
        draws: Mapping[str, Tensor],
        weights: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Compute one lane's reduced loss and priorities, as Learner.update does."""
        precision = self.config.precision
        forwards = in_precision(self._bound(online), precision), in_precision(self._bound(target), precision)
        given = Batch(**batch, future=Future(pixels_of(future[0]), *future[1:]) if future else None)
        losses = self.algorithm.loss(*forwards, given, draws, self.config)
        total = reduced(losses.per_transition, weights if is_prioritised(self.config) else None, self.config)
        return total, losses.priority

    def _optimizer_step(self) -> None:
        self._optimizer.step(self._gradients)

    def _bound(self, tensors: Mapping[str, Tensor]) -> Forward:
        """Bind the network to one lane's parameters."""

        def forward(pixels: Tensor, *draws: Tensor) -> Tensor:
            outputs: Tensor = functional_call(self._network, dict(tensors), (pixels, *draws), strict=True)
            return outputs

        return forward

    def _learned(self) -> list[Tensor]:
        """List the stacked tensors that a step changes."""
        return [parameter.detach() for parameter in self._parameters] + list(self._optimizer.state().values())

    def _shape(self, batch_size: int) -> tuple[int, ...]:
        """Return the shape of the states of all lanes."""
        return (len(self.learners), batch_size, *FRAME_SHAPE, self.config.frame_stack)

    def _state_kinds(self) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
        draws = self.learners[0].acting_draws_spec[False].items()
        kinds = {f"draws.{name}": ((len(self.learners), *draw_shape(spec, 1)), torch.float32) for name, spec in draws}
        return {"states": (self._shape(1), torch.uint8)} | kinds

    def _batch_kinds(self) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
        lanes, size = len(self.learners), self.config.batch_size
        batch = array_kinds(size, self.config.frame_stack, self.config.future_steps)
        kinds = {name: ((lanes, *batch[name][0]), TORCH_TYPES[batch[name][1]]) for name in self._batch_arrays}
        for name, spec in self.learners[0].draws_spec.items():
            kinds[f"draws.{name}"] = ((lanes, *draw_shape(spec, size)), torch.float32)
        return kinds


def take_out(learner: Learner) -> None:
    """Give a learner tensors of its own again, with the same numbers; its stack must not be used again.

    The lanes that go on get a new stack. Without this the learner would keep all of the old one in memory.
    """
    for network in (learner.online, learner.target):
        for tensor in _tensors(network).values():
            tensor.data = tensor.detach().clone()
    learner.optimizer.keep_in({name: tensor.clone() for name, tensor in learner.optimizer.state().items()})


def _tensors(network: nn.Module) -> dict[str, Tensor]:
    """Return every parameter and buffer of a network, by name."""
    return dict(network.named_parameters()) | dict(network.named_buffers())


def _stacked(lanes: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Build stacked tensors [K, *shape] by name, each lane laid out as it was (convolutions channels-last).

    Raises:
        ValueError: names or shapes differ.
    """
    kinds = [{name: tensor.shape for name, tensor in lane.items()} for lane in lanes]
    if any(kind != kinds[0] for kind in kinds):
        raise ValueError("networks of one stack have parameters of the same names and shapes")
    stacked = {}
    for name, like in lanes[0].items():
        shape, stride = (len(lanes), *like.shape), (like.numel(), *like.stride())
        stacked[name] = torch.empty_strided(shape, stride, dtype=like.dtype, device=like.device)
        for part, lane in zip(stacked[name], lanes, strict=True):
            part.copy_(lane[name].detach())
    return stacked


def _without_numbers(network: nn.Module) -> nn.Module:
    """Copy the network's layers without their numbers, with the form of convolution that suits stacked lanes."""
    layers = copy.deepcopy(network).to("meta")
    for module in layers.modules():
        if isinstance(module, Convolving):
            module.convolve = convolve_by_product
    return layers
