"""Check that acting, loss and optimizer step leave nothing to the host.

On a GPU they are recorded as CUDA graphs, in which no memory of the host can be read and nothing waited for. What of
it lies on the host shows without a GPU, on torch's device `meta`, whose tensors have shapes and types and no numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from replication.commands.check_algorithm.off_policy.network_checks import STATES
from replication.commands.check_algorithm.off_policy.subject import NUM_ACTIONS, OffPolicySubject
from replication.training.off_policy.learner import batch_of, clipped, draw, is_prioritised, reduced

DEVICE = "meta"


class HostTensorError(Exception):
    """A function of torch returned a tensor that lies on the host."""


class NothingOnTheHost(TorchFunctionMode):
    """A mode in which a function of torch that returns a tensor on the host raises HostTensorError."""

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        for found in result if isinstance(result, tuple | list) else [result]:
            if isinstance(found, Tensor) and found.device.type == "cpu":
                name = getattr(function, "__name__", repr(function))
                raise HostTensorError(f"{name} makes a tensor on the host, which a GPU cannot record; give it a device")
        return result


def check_device(subject: OffPolicySubject) -> None:
    """Check that acting, loss and optimizer step compute on the networks' device alone, whatever the numbers are."""
    config, algorithm = subject.config, subject.algorithm
    learner = subject.learner(1, device=DEVICE, precision="float32")
    batch = batch_of(subject.transitions(1, STATES), DEVICE)
    weights = torch.ones(STATES, device=DEVICE) if is_prioritised(config) else None
    draws = {name: array.to(DEVICE) for name, array in subject.draws(1, STATES).items()}
    specs = algorithm.acting_draws_spec(config, NUM_ACTIONS, evaluating=False).values()
    acting = [torch.from_numpy(draw(spec, np.random.default_rng(1), STATES)).to(DEVICE) for spec in specs]
    with NothingOnTheHost():
        with torch.no_grad():
            algorithm.action_values(learner.online(batch.s_tm1, *acting), config)
        losses = algorithm.loss(learner.online, learner.target, batch, draws, config)
        total = reduced(losses.per_transition, weights, config)
        gradients = torch.autograd.grad(total, learner.optimizer.parameters)
        learner.optimizer.step(clipped(gradients, config.gradient_norm_clip, learner.clipped_groups))
