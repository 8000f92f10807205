"""Checks of the loss: what it returns, what it differentiates, what it leaves alone, and that it maps over lanes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import torch
from torch import Tensor, nn

from replication.commands.check_algorithm.off_policy.network_checks import STATES
from replication.commands.check_algorithm.off_policy.subject import DARKEST_NEXT, OffPolicySubject
from replication.commands.check_algorithm.subject import CheckFailedError
from replication.commands.check_algorithm.tensor_checks import require
from replication.training.off_policy.learner import Learner
from replication.training.off_policy.stack import Stack

LANES, UPDATES, TRANSITIONS = 2, 2, 4
FLOAT64_TOLERANCE = 1e-6
"""Share of a tensor's norm, where one lane and a stack of them compute in float64 in another order."""


def check_loss(subject: OffPolicySubject) -> None:
    """Check that losses and priorities are float32 [batch] and finite, and that only losses have a gradient."""
    learner = subject.learner(1)
    for size in (STATES, subject.config.batch_size):
        losses = subject.algorithm.loss(
            learner.online, learner.target, subject.batch(1, size), subject.draws(1, size), subject.config
        )
        require(losses.per_transition, (size,), "per_transition of the loss")
        require(losses.priority, (size,), "priority of the loss")
        if not losses.per_transition.requires_grad:
            raise CheckFailedError("per_transition has no gradient; call online outside of torch.no_grad")
        if losses.priority.requires_grad:
            raise CheckFailedError("priority has a gradient; detach it")
        if bool((losses.priority < 0).any()):
            raise CheckFailedError("priority is negative somewhere; return an absolute error")


class _Watched:
    """A network whose outputs are cut off behind it, so that their gradients show what the loss differentiates."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.calls: list[tuple[Tensor, Tensor]] = []

    def __call__(self, pixels: Tensor, *draws: Tensor) -> Tensor | tuple[Tensor, ...]:
        with torch.no_grad():
            outputs: Tensor | tuple[Tensor, ...] = self.network(pixels, *draws)
        cut_off = [each.detach().requires_grad_() for each in (outputs if isinstance(outputs, tuple) else (outputs,))]
        self.calls += [(pixels, each) for each in cut_off]
        return tuple(cut_off) if isinstance(outputs, tuple) else cut_off[0]


def check_gradient(subject: OffPolicySubject) -> None:
    """Check that targets are held fixed: the gradient flows into the online network's outputs for s_tm1 alone."""
    learner, batch = subject.learner(1), subject.batch(1, STATES)
    online, target = _Watched(learner.online), _Watched(learner.target)
    losses = subject.algorithm.loss(online, target, batch, subject.draws(1, STATES), subject.config)
    calls = [(name, *call) for name, watched in (("online", online), ("target", target)) for call in watched.calls]
    gradients = _gradients(losses.per_transition, [outputs for _, _, outputs in calls])
    learnt = False
    for (name, pixels, _), gradient in zip(calls, gradients, strict=True):
        if gradient is None:
            continue
        moved = gradient.flatten(1).abs().sum(1) > 0
        is_next = pixels.flatten(1).float().mean(1) >= DARKEST_NEXT
        if name == "target" and bool(moved.any()):
            raise CheckFailedError("a gradient flows into the target network; call target within torch.no_grad")
        if bool((moved & is_next).any()):
            raise CheckFailedError("a gradient flows through the online network's view of s_t; detach what bootstraps")
        learnt |= bool(moved.any())
    if not learnt:
        raise CheckFailedError("no gradient reaches the online network's view of s_tm1; nothing would be learnt")
    _check_every_parameter_learns(subject)


def _check_every_parameter_learns(subject: OffPolicySubject) -> None:
    learner = subject.learner(1)
    losses = subject.algorithm.loss(
        learner.online, learner.target, subject.batch(1, STATES), subject.draws(1, STATES), subject.config
    )
    named = dict(learner.online.named_parameters())
    gradients = _gradients(losses.per_transition, list(named.values()))
    if unused := [name for name, gradient in zip(named, gradients, strict=True) if gradient is None]:
        raise CheckFailedError(f"no gradient reaches {unused[0]} of the online network; use it, or leave it out")


def _gradients(per_transition: Tensor, tensors: Sequence[Tensor]) -> Sequence[Tensor | None]:
    """Compute the gradients of the summed losses; None where the sum does not depend on a tensor."""
    return torch.autograd.grad(per_transition.sum(), tensors, allow_unused=True)


def check_inputs(subject: OffPolicySubject) -> None:
    """Check that the loss leaves minibatch, random arrays and networks as they were."""
    learner, batch, draws = subject.learner(1), subject.batch(1, STATES), subject.draws(1, STATES)
    parts = {"batch": batch} | ({} if batch.future is None else {"batch.future": batch.future})
    named = {
        f"{part}.{field.name}": getattr(whole, field.name) for part, whole in parts.items() for field in fields(whole)
    }
    named = {name: tensor for name, tensor in named.items() if isinstance(tensor, Tensor)}
    named |= {f"draws[{name!r}]": tensor for name, tensor in draws.items()}
    named |= {f"the network's {name}": tensor for name, tensor in learner.tensors().items()}
    before = {name: tensor.clone() for name, tensor in named.items()}
    subject.algorithm.loss(learner.online, learner.target, batch, draws, subject.config)
    for name, tensor in named.items():
        if not torch.equal(tensor, before[name]):
            raise CheckFailedError(f"the loss changes {name} in place; compute a new tensor")


def check_stack(subject: OffPolicySubject) -> None:
    """Check that each lane acts and learns as it does alone when `torch.func.vmap` maps over lanes, in float64."""
    alone, stacked = ([_in_float64(subject, lane) for lane in range(LANES)] for _ in range(2))
    size = TRANSITIONS
    try:
        stack = Stack(stacked)
        for update in range(UPDATES):
            seeds = [LANES * update + lane for lane in range(LANES)]
            given = [(subject.transitions(seed, size), np.random.default_rng(seed)) for seed in seeds]
            stack.update(given)
            for learner, seed in zip(alone, seeds, strict=True):
                learner.update(subject.transitions(seed, size), np.random.default_rng(seed))
        states = [subject.transitions(lane, 1).states[0] for lane in range(LANES)]
        draws = [alone[lane].acting_draws(np.random.default_rng(lane), evaluating=False) for lane in range(LANES)]
        values = stack.action_values(list(zip(states, draws, strict=True)))
    except (RuntimeError, ValueError, NotImplementedError) as error:
        reason = " ".join(str(error).split())[:160]
        raise CheckFailedError(
            f"it cannot be mapped over lanes ({reason}); use operations on tensors, without .item(), branches on "
            "values or changes in place, and no number type but that of the network's outputs"
        ) from None
    for learner, beside in zip(alone, stacked, strict=True):
        for name, tensor in learner.tensors().items():
            distance = (beside.tensors()[name] - tensor).norm() / tensor.norm().clamp(min=1e-30)
            if not bool(distance <= FLOAT64_TOLERANCE):
                raise CheckFailedError(
                    f"{name} after {UPDATES} updates in a stack of {LANES} lanes is {float(distance):.1e} from that of "
                    "the lane alone; let no lane's numbers reach another's"
                )
    for lane, learner in enumerate(alone):
        expected = learner.action_values(states[lane], draws[lane])
        if not np.allclose(values[lane], expected, rtol=FLOAT64_TOLERANCE, atol=FLOAT64_TOLERANCE):
            raise CheckFailedError(f"a stack of {LANES} lanes gives other action values than a lane alone")


def _in_float64(subject: OffPolicySubject, lane: int) -> Learner:
    return subject.learner(lane, double=True, precision="float32", batch_size=TRANSITIONS)
