"""Checks of targets and loss: what they return, what reaches what, which way an update goes, what is left alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from replication.algorithms.on_policy.contract import Minibatch, Rollout
from replication.commands.check_algorithm.on_policy.subject import ACTORS, CUT_AT, STEPS, OnPolicySubject
from replication.commands.check_algorithm.subject import CheckFailedError
from replication.commands.check_algorithm.tensor_checks import draws_nothing_global, require
from replication.training.on_policy.learner import Learner

_REMEDY = "all that is random is given: the stream of initialize, the draws of act"


def check_targets(subject: OnPolicySubject) -> None:
    """Check advantages and returns: float32 [steps, actors], no gradient, each of its own trajectory alone."""
    _, outputs = _acted(subject)
    rollout = subject.rollout(outputs)
    targets = subject.algorithm.targets(rollout, subject.config)
    for name in ("advantages", "returns"):
        found = getattr(targets, name, None)
        if found is None:
            raise CheckFailedError(f"targets returns {type(targets).__name__}; return Targets(advantages, returns)")
        require(found, (STEPS, ACTORS), f"{name} of targets")
        if found.requires_grad:
            raise CheckFailedError(f"{name} of targets have a gradient; compute them from what the rollout holds")
    later, neighbor = rollout.rewards.clone(), rollout.rewards.clone()
    later[CUT_AT + 1 :] += 7.0
    neighbor[:, 1] += 7.0
    beyond = subject.algorithm.targets(replace(rollout, rewards=later), subject.config)
    beside = subject.algorithm.targets(replace(rollout, rewards=neighbor), subject.config)
    for name in ("advantages", "returns"):
        ours = getattr(targets, name)
        if not torch.equal(getattr(beyond, name)[: CUT_AT + 1], ours[: CUT_AT + 1]):
            raise CheckFailedError(f"{name} hold rewards from beyond the end of a trajectory; begin anew at each cut")
        if not torch.equal(getattr(beside, name)[:, 0], ours[:, 0]):
            raise CheckFailedError(
                f"{name} of an actor depend on another's rewards; normalize in the loss, over a minibatch"
            )
    if torch.equal(beyond.returns[CUT_AT + 1 :], targets.returns[CUT_AT + 1 :]):
        raise CheckFailedError("returns do not depend on the rewards; add them up")


def check_loss(subject: OnPolicySubject) -> None:
    """Check that the loss of a minibatch is one finite number with a gradient."""
    network, outputs = _acted(subject)
    loss = subject.algorithm.loss(network(subject.states(STEPS * ACTORS)), subject.minibatch(outputs), subject.config)
    require(loss, (), "the loss")
    if not loss.requires_grad:
        raise CheckFailedError("the loss has no gradient; compute it from the outputs that it is given")


def check_gradient(subject: OnPolicySubject) -> None:
    """Check that the loss's gradient reaches every parameter."""
    network, outputs = _acted(subject)
    loss = subject.algorithm.loss(network(subject.states(STEPS * ACTORS)), subject.minibatch(outputs), subject.config)
    parameters = dict(network.named_parameters())
    found = torch.autograd.grad(loss, [*parameters.values()], allow_unused=True)
    if unused := [name for name, gradient in zip(parameters, found, strict=True) if gradient is None]:
        raise CheckFailedError(f"no gradient reaches {unused[0]} of the network; use it, or leave it out")


def check_directions(subject: OnPolicySubject) -> None:
    """Check that an update makes actions of larger advantage likelier, and moves values towards their returns."""
    _, outputs = _acted(subject)
    batch = subject.minibatch(outputs)
    if not hasattr(outputs, "action_values"):
        _check_policy_direction(subject, batch)
    above, below = (_gradients(subject, replace(batch, returns=batch.values + shift)) for shift in (1.0, -1.0))
    for name in above.keys() - {"logits", "means", "log_deviations"}:
        risen = (below[name] - above[name]).reshape(STEPS * ACTORS, -1).sum(dim=1)
        if bool((risen < 0).any()):
            raise CheckFailedError(f"the loss moves {name} away from the returns; look at its sign")


def _check_policy_direction(subject: OnPolicySubject, batch: Minibatch) -> None:
    rising = torch.linspace(-1.0, 1.0, STEPS * ACTORS)
    policy = "means" if subject.chooses_vectors else "logits"
    better, worse = (_gradients(subject, replace(batch, advantages=sign * rising))[policy] for sign in (1.0, -1.0))
    moves = worse - better  # descent goes against the gradient
    if subject.chooses_vectors:
        moved = (moves * (batch.actions - batch.outputs.means)).sum(dim=1)  # towards the action is likelier
    else:
        moved = moves.gather(1, batch.actions[:, None])[:, 0]
    if bool((moved * rising < 0).any()) or not bool(moved.any()):
        raise CheckFailedError("the loss makes an action less likely the better it turned out; look at its sign")


def _gradients(subject: OnPolicySubject, batch: Minibatch) -> Mapping[str, Tensor]:
    """Return the gradients of the loss by the network's outputs, where it has some, as they were in acting."""
    given = type(batch.outputs)(*(part.detach().clone().requires_grad_() for part in batch.outputs))
    loss = subject.algorithm.loss(given, batch, subject.config)
    found = torch.autograd.grad(loss, list(given), allow_unused=True)
    return {name: part for name, part in zip(given._fields, found, strict=True) if part is not None}


def check_global_randomness(subject: OnPolicySubject) -> None:
    """Check that nothing is drawn from the generators that the whole process shares."""
    with draws_nothing_global("network or initialise", _REMEDY):
        network, outputs = _acted(subject)
    with draws_nothing_global("act", _REMEDY):
        subject.algorithm.act(outputs, subject.draws(1, STEPS * ACTORS))
    with draws_nothing_global("targets", _REMEDY):
        batch = subject.minibatch(outputs)
    with draws_nothing_global("loss", _REMEDY):
        subject.algorithm.loss(network(subject.states(STEPS * ACTORS)), batch, subject.config)
    if hasattr(subject.algorithm, "update"):
        learner, rollout, states = _learner_with_rollout(subject)
        with draws_nothing_global("update", _REMEDY):
            subject.update(learner, rollout, states)


def check_inputs(subject: OnPolicySubject) -> None:
    """Check that whatever is handed over is left as it was: other minibatches are made of it."""
    network, outputs = _acted(subject)
    rollout, batch = subject.rollout(outputs), subject.minibatch(outputs)
    draws = subject.draws(1, STEPS * ACTORS)
    calls: dict[str, tuple[dict[str, Tensor], Callable[[], object]]] = {
        "act": ({"draws": draws} | _parts(outputs), lambda: subject.algorithm.act(outputs, draws)),
        "state_values": (_parts(outputs), lambda: subject.algorithm.state_values(outputs, subject.config)),
        "targets": (_tensors(rollout), lambda: subject.algorithm.targets(rollout, subject.config)),
        "loss": (
            _tensors(batch) | {f"the network's {name}": tensor for name, tensor in network.state_dict().items()},
            lambda: subject.algorithm.loss(network(subject.states(STEPS * ACTORS)), batch, subject.config),
        ),
    }
    if hasattr(subject.algorithm, "update"):
        learner, played, states = _learner_with_rollout(subject)
        calls["update"] = (_tensors(played) | {"states": states}, lambda: subject.update(learner, played, states))
    for function, (given, call) in calls.items():
        before = {name: tensor.clone() for name, tensor in given.items()}
        call()
        for name, tensor in given.items():
            if not torch.equal(tensor, before[name]):
                raise CheckFailedError(f"{function} changes {name} in place; compute a new tensor")


def _acted(subject: OnPolicySubject) -> tuple[Any, Any]:
    """Return a network, and what it says of random states without gradient."""
    network = subject.filled(1)
    with torch.no_grad():
        return network, network(subject.states(STEPS * ACTORS))


def _learner_with_rollout(subject: OnPolicySubject) -> tuple[Learner, Rollout, Tensor]:
    """Return a learner, a rollout that it has played, and the states in which it acted."""
    learner, states = subject.learner(), subject.states(STEPS * ACTORS)
    with torch.no_grad():
        return learner, subject.rollout(learner.network(states)), states


def _tensors(given: Any) -> dict[str, Tensor]:
    """Return the tensors of a rollout or a minibatch by name, those of its outputs too."""
    parts = {field.name: getattr(given, field.name) for field in fields(given)}
    return {name: part for name, part in parts.items() if isinstance(part, Tensor)} | _parts(given.outputs)


def _parts(outputs: Any) -> dict[str, Tensor]:
    return {f"outputs.{name}": part for name, part in zip(outputs._fields, outputs, strict=True)}
