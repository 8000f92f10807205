"""Checks of the network and of acting: what `initialise` fills, what is computed, and that draws decide alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from replication.commands.check_algorithm.on_policy.subject import NUM_ACTIONS, OnPolicySubject
from replication.commands.check_algorithm.subject import CheckFailedError
from replication.commands.check_algorithm.tensor_checks import require

STATES = 5
"""States at a time: not the number of actions, so that the two cannot be mistaken for each other."""
_CHOICES = 4_000
_MOST_DEVIATIONS = 6.0
"""Between a frequency and a probability, in standard deviations: chance alone exceeds it once in 100 million times."""


def check_initialisation(subject: OnPolicySubject) -> None:
    """Check that every parameter is filled from the stream: equal streams give equal ones, different ones do not."""
    first, again, other = (subject.filled(seed).state_dict() for seed in (1, 1, 2))
    for name, tensor in first.items():
        if not bool(torch.isfinite(tensor).all()):
            raise CheckFailedError(f"initialise leaves {name} as it was or not finite; fill every parameter")
        if not torch.equal(tensor, again[name]):
            raise CheckFailedError(f"{name} differs between equal streams; draw from the stream alone")
    if all(map(torch.equal, first.values(), other.values())):
        raise CheckFailedError("two streams give the same parameters; draw them from the stream")


@torch.no_grad()
def check_acting(subject: OnPolicySubject) -> None:
    """Check outputs, actions, values of states and the last hidden layer, for one state and for several."""
    network = subject.filled(1)
    for states in (1, STATES):
        seen = subject.states(states)
        outputs = network(seen)
        _require_outputs(subject, outputs, states)
        require(subject.algorithm.state_values(outputs, subject.config), (states,), "state_values")
        hidden = network.embed(seen)
        require(hidden, (states, hidden.shape[-1]), "embed")
        _require_actions(subject, subject.algorithm.act(outputs, subject.draws(1, states)), states)
    if subject.chooses_vectors:
        _check_normal_choices(subject, outputs)
    else:
        _check_choices(subject, outputs)


def _require_actions(subject: OnPolicySubject, actions: Tensor, states: int) -> None:
    if subject.chooses_vectors:
        require(actions, (states, NUM_ACTIONS), "act")
        return
    if actions.shape != (states,) or actions.dtype != torch.int64:
        kind = str(actions.dtype).removeprefix("torch.")
        raise CheckFailedError(f"act gives {kind} {list(actions.shape)}; return int64 [{states}]")
    if bool((actions < 0).any()) or bool((actions >= NUM_ACTIONS).any()):
        raise CheckFailedError(f"act gives {actions.tolist()}; choose from 0 to {NUM_ACTIONS - 1}")


def _require_outputs(subject: OnPolicySubject, outputs: Any, states: int) -> None:
    if not (isinstance(outputs, tuple) and hasattr(outputs, "_fields")):
        raise CheckFailedError(f"the network gives {type(outputs).__name__}; return a named tuple of tensors")
    for name, part in zip(outputs._fields, outputs, strict=True):
        if not isinstance(part, Tensor) or part.shape[:1] != (states,):
            found = list(part.shape) if isinstance(part, Tensor) else type(part).__name__
            raise CheckFailedError(f"{name} of the network is {found} for {states} states; put the states first")
    plain = ("action_values",) if hasattr(outputs, "action_values") else ("logits",)
    for wanted in ("means", "log_deviations") if subject.chooses_vectors else plain:
        if not hasattr(outputs, wanted):
            raise CheckFailedError(f"the network gives {', '.join(outputs._fields)}; let {wanted} be one of them")
        require(getattr(outputs, wanted), (states, NUM_ACTIONS), f"{wanted} of the network")


def _check_choices(subject: OnPolicySubject, outputs: Any) -> None:
    """Check that equal draws choose the likeliest action, and others each action as often as its probability says.

    Of values of actions the largest is chosen, whatever the draws.
    """
    by_value = hasattr(outputs, "action_values")
    name = "action_values" if by_value else "logits"
    likeliest = getattr(outputs, name).argmax(dim=1)
    if not torch.equal(subject.algorithm.act(outputs, torch.full((STATES, NUM_ACTIONS), 0.5)), likeliest):
        raise CheckFailedError(f"act does not choose the largest of {name} where all draws are equal; let it")
    if by_value:
        if not torch.equal(subject.algorithm.act(outputs, subject.draws(2, STATES)), likeliest):
            raise CheckFailedError("act does not choose the largest of action_values; leave exploration to the loop")
        return
    shown = type(outputs)(*(part[:1].expand(_CHOICES, *part.shape[1:]) for part in outputs))
    logits = torch.tensor([1.0, 0.0, -1.0])
    shown = shown._replace(logits=logits.expand(_CHOICES, NUM_ACTIONS))
    chosen = subject.algorithm.act(shown, subject.draws(2, _CHOICES))
    found = functional.one_hot(chosen, NUM_ACTIONS).double().mean(dim=0)
    expected = functional.softmax(logits.double(), dim=0)
    deviations = (found - expected).abs() / (expected * (1.0 - expected) / _CHOICES).sqrt()
    if bool((deviations > _MOST_DEVIATIONS).any()):
        shares = ", ".join(f"{share:.2f}" for share in found.tolist())
        wanted = ", ".join(f"{share:.2f}" for share in expected.tolist())
        raise CheckFailedError(f"act chooses shares of {shares} where the policy says {wanted}; draw by its softmax")


def _check_normal_choices(subject: OnPolicySubject, outputs: Any) -> None:
    """Check that draws of 0 choose the means, and normal ones actions of the means and deviations of the outputs."""
    if not torch.equal(subject.algorithm.act(outputs, torch.zeros(STATES, NUM_ACTIONS)), outputs.means):
        raise CheckFailedError("act does not choose the means where all draws are 0; let it")
    shown = type(outputs)(*(part[:1].expand(_CHOICES, *part.shape[1:]) for part in outputs))
    means, logs = torch.tensor([1.0, 0.0, -1.0]), torch.tensor([-1.0, 0.0, 0.5])
    shown = shown._replace(means=means.expand(_CHOICES, -1), log_deviations=logs.expand(_CHOICES, -1))
    chosen = subject.algorithm.act(shown, subject.draws(2, _CHOICES)).double()
    errors = (chosen.mean(dim=0) - means).abs() / (logs.double().exp() / _CHOICES**0.5)
    ratios = (chosen.std(dim=0) / logs.double().exp() - 1.0).abs() * (2.0 * _CHOICES) ** 0.5
    if bool((errors > _MOST_DEVIATIONS).any()) or bool((ratios > _MOST_DEVIATIONS).any()):
        raise CheckFailedError(
            "act draws by other means or deviations than the outputs have; draw mean + deviation x z"
        )
