"""Checks of targets and losses: what they return, that gradients are those of the losses, and what is left alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from replication.algorithms.off_policy_continuous.contract import Loss
from replication.commands.check_algorithm.off_policy_continuous.subject import (
    DIMENSIONS,
    TRANSITIONS,
    UPDATES,
    ContinuousSubject,
)
from replication.commands.check_algorithm.subject import CheckFailedError
from replication.commands.check_algorithm.tensor_checks import draws_nothing_global, require

_REMEDY = "the noise of targets is given, where SMOOTHS_TARGETS is True; all else follows from the arguments"
_SMALL = 1e-3
"""What a value is moved by each way, in float64; values are of the size of 10."""
_TOLERANCE = 1e-3
"""Between a gradient and a difference of losses, as a share of the largest gradient."""


@torch.no_grad()
def check_targets(subject: ContinuousSubject) -> None:
    """Check actions and targets: shapes, finite numbers, and no value of what follows an episode's end."""
    if subject.algorithm.NUM_CRITICS < 1:
        raise CheckFailedError(f"NUM_CRITICS is {subject.algorithm.NUM_CRITICS}; name one or more")
    given = subject.numbers()
    require(subject.target_actions(given), (TRANSITIONS, DIMENSIONS), "target_actions")
    targets = subject.targets(given)
    require(targets, (TRANSITIONS,), "targets")
    if targets.untyped_storage().data_ptr() == given["next_values"].untyped_storage().data_ptr():
        raise CheckFailedError("targets returns a view of next_values, which is overwritten; compute a new tensor")
    ended = given["goes_on"] == 0.0
    moved = subject.targets(given | {"next_values": given["next_values"] + 7.0})
    if not torch.equal(moved[ended], targets[ended]):
        raise CheckFailedError("a target holds the next value where the episode ended; multiply the value by goes_on")
    if torch.equal(moved[~ended], targets[~ended]):
        raise CheckFailedError("no target depends on next_values where the episode goes on; add what follows")


@torch.no_grad()
def check_losses(subject: ContinuousSubject) -> None:
    """Check that each loss is one finite number, and its gradient one for each value."""
    for name, loss in _losses(subject).items():
        values = _values(subject)[name]
        found = loss(values)
        if not isinstance(found, Loss):
            raise CheckFailedError(f"{name} returns {type(found).__name__}; return Loss(loss, gradient)")
        require(found.loss, (), f"loss of {name}")
        require(found.gradient, tuple(values.shape), f"gradient of {name}")


@torch.no_grad()
def check_gradients(subject: ContinuousSubject) -> None:
    """Check each gradient against differences of its loss, in float64."""
    for name, loss in _losses(subject, torch.float64).items():
        values = _values(subject)[name].double()
        gradient = loss(values).gradient
        tolerance = _TOLERANCE * float(gradient.abs().max())
        for place in torch.cartesian_prod(*map(torch.arange, values.shape)).reshape(values.numel(), -1).tolist():
            moved = torch.zeros_like(values)
            moved[tuple(place)] = _SMALL
            difference = float(loss(values + moved).loss - loss(values - moved).loss) / (2 * _SMALL)
            said = float(gradient[tuple(place)])
            if abs(difference - said) > max(tolerance, 1e-9):
                raise CheckFailedError(
                    f"gradient of {name} is {said:.4g} at {place}, where the loss grows by {difference:.4g} for each "
                    "unit of the value; return the derivative of the loss"
                )


@torch.no_grad()
def check_schedule(subject: ContinuousSubject) -> None:
    """Check that `updates_actor` says True or False, the same each time, and True now and then."""
    said = [[subject.algorithm.updates_actor(n, subject.config) for n in range(UPDATES)] for _ in range(2)]
    if wrong := [each for each in said[0] if not isinstance(each, bool)]:
        raise CheckFailedError(f"updates_actor returns {wrong[0]!r}; return True or False")
    if said[0] != said[1]:
        raise CheckFailedError("updates_actor says another thing when asked again; count by `update` alone")


@torch.no_grad()
def check_global_randomness(subject: ContinuousSubject) -> None:
    """Check that nothing is drawn from the generators that the whole process shares."""
    given = subject.numbers()
    with draws_nothing_global("target_actions", _REMEDY):
        subject.target_actions(given)
    with draws_nothing_global("targets", _REMEDY):
        subject.targets(given)
    for name, loss in _losses(subject).items():
        with draws_nothing_global(name, _REMEDY):
            loss(_values(subject)[name])


@torch.no_grad()
def check_inputs(subject: ContinuousSubject) -> None:
    """Check that whatever is handed over is left as it was: it belongs to the replay memory, or is used again."""
    given = subject.numbers() | {"bounds.low": subject.bounds.low, "bounds.high": subject.bounds.high}
    before = {name: tensor.clone() for name, tensor in given.items()}
    algorithm, config = subject.algorithm, subject.config
    calls: dict[str, Callable[[], object]] = {
        "target_actions": lambda: subject.target_actions(given),
        "targets": lambda: subject.targets(given),
        "critic_loss": lambda: algorithm.critic_loss(given["values"], given["targets"], config),
        "actor_loss": lambda: algorithm.actor_loss(given["of_actor"], config),
    }
    for function, call in calls.items():
        call()
        for name, tensor in given.items():
            if not torch.equal(tensor, before[name]):
                argument = "values" if name == "of_actor" else name
                raise CheckFailedError(f"{function} changes {argument} in place; compute a new tensor")


def _losses(subject: ContinuousSubject, dtype: torch.dtype = torch.float32) -> dict[str, Callable[[Tensor], Loss]]:
    """Return the losses as functions of the values, by the names of the algorithm's functions."""
    algorithm, config, targets = subject.algorithm, subject.config, subject.numbers()["targets"].to(dtype)
    return {
        "critic_loss": lambda values: algorithm.critic_loss(values, targets, config),
        "actor_loss": lambda values: algorithm.actor_loss(values, config),
    }


def _values(subject: ContinuousSubject) -> dict[str, Tensor]:
    given = subject.numbers()
    return {"critic_loss": given["values"], "actor_loss": given["of_actor"]}
